package keyring

import "strings"

// DefaultPolicy is the policy of a key that was made without one: it leaves everything to the account's
// identity policies ("Default key policy" in the AWS KMS Developer Guide).
func DefaultPolicy(account string) string {
	return strings.ReplaceAll(defaultPolicy, "ACCOUNT", account)
}

const defaultPolicy = `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::ACCOUNT:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`

// ManagedPolicy is the policy that the AWS managed key of a service has or will have; ok is false where there
// is no such key.
func ManagedPolicy(scope Scope, service string) (policy string, ok bool) {
	policy, _, ok = managedPolicy(scope, service)
	return policy, ok
}

// managedPolicy is policy and description of a service's AWS managed key.
func managedPolicy(scope Scope, service string) (policy, description string, ok bool) {
	if service != "dynamodb" {
		return "", "", false
	}
	policy = strings.NewReplacer("ACCOUNT", scope.Account, "REGION", scope.Region).Replace(dynamodbPolicy)
	return policy, "Default key that protects my DynamoDB data when no other key is defined", true
}

// dynamodbPolicy is the policy of alias/aws/dynamodb ("DynamoDB encryption at rest: usage notes" in the
// DynamoDB Developer Guide).
const dynamodbPolicy = `{
  "Version" : "2012-10-17",
  "Id" : "auto-dynamodb-1",
  "Statement" : [ {
    "Sid" : "Allow access through Amazon DynamoDB for all principals in the account that are authorized to use Amazon DynamoDB",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "*"
    },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {
      "StringEquals" : {
        "kms:CallerAccount" : "ACCOUNT",
        "kms:ViaService" : "dynamodb.REGION.amazonaws.com"
      }
    }
  }, {
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::ACCOUNT:root"
    },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  }, {
    "Sid" : "Allow DynamoDB Service with service principal name dynamodb.amazonaws.com to describe the key directly",
    "Effect" : "Allow",
    "Principal" : {
      "Service" : "dynamodb.amazonaws.com"
    },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*" ],
    "Resource" : "*"
  } ]
}`
