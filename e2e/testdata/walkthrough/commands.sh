#!/bin/sh
# The commands of the second walkthrough as written: audit rule DynamoDB-004 by the AWS CLI, and its remediation. The first argument
# says which; $KEY_ARN is what the remediation's second step printed.
set -eu
cd "$(dirname "$0")"
case "$1" in
prepare)
	aws dynamodb create-table --table-name cc-product-reviews --billing-mode PAY_PER_REQUEST \
		--attribute-definitions AttributeName=RuleName,AttributeType=S AttributeName=RuleType,AttributeType=S \
		--key-schema AttributeName=RuleName,KeyType=HASH AttributeName=RuleType,KeyType=RANGE
	aws dynamodb create-table --table-name cc-product-inventory --billing-mode PAY_PER_REQUEST \
		--attribute-definitions AttributeName=RuleName,AttributeType=S --key-schema AttributeName=RuleName,KeyType=HASH
	aws iam create-role --role-name dynamodb-admin --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}'
	;;
audit-01)
	aws dynamodb list-tables \
		--region us-east-1 \
		--output table \
		--query 'TableNames'
	;;
audit-03)
	aws dynamodb describe-table \
		--region us-east-1 \
		--table-name cc-product-reviews \
		--query 'Table.SSEDescription.SSEType'
	;;
remediation-02)
	aws kms create-key \
		--region us-east-1 \
		--description 'Customer Managed Key for DynamoDB Data Encryption' \
		--policy file://dynamodb-kms-key-policy.json \
		--query 'KeyMetadata.Arn' --output text
	;;
remediation-04)
	aws kms create-alias \
		--region us-east-1 \
		--alias-name alias/DynamoDBDataCMK \
		--target-key-id "$KEY_ARN"
	;;
remediation-05)
	aws dynamodb update-table \
		--region us-east-1 \
		--table-name cc-product-reviews \
		--sse-specification Enabled=true,SSEType="KMS",KMSMasterKeyId="$KEY_ARN"
	;;
remediation-05-managed)
	aws dynamodb update-table \
		--region us-east-1 \
		--table-name cc-product-inventory \
		--sse-specification Enabled=true,SSEType="KMS",KMSMasterKeyId="alias/aws/dynamodb"
	;;
*)
	exit 2
	;;
esac
