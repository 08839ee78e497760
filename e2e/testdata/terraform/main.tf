# A key with rotation and a policy of its own, an alias, keys of other kinds, and who is asking: what the provider asks of the key service.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

data "aws_caller_identity" "me" {}

resource "aws_kms_key" "tables" {
  description             = "Customer managed key of the tables"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Enable IAM User Permissions"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
  tags = {
    purpose = "tables"
  }
}

resource "aws_kms_alias" "tables" {
  name          = "alias/tables"
  target_key_id = aws_kms_key.tables.key_id
}

# Keys that are not rotated, of which the provider asks whether they are.
resource "aws_kms_key" "signatures" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 7
}

resource "aws_kms_key" "codes" {
  customer_master_key_spec = "HMAC_256"
  key_usage                = "GENERATE_VERIFY_MAC"
  deletion_window_in_days  = 7
}

# The key that AWS manages: there is an alias of it before there is a key.
data "aws_kms_alias" "managed" {
  name = "alias/aws/dynamodb"
}

output "key" {
  value = aws_kms_key.tables.arn
}
