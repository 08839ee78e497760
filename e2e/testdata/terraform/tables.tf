# Tables as applications set them up: provisioned and on demand, with their settings, tags, keys and policies.

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

variable "later" {
  type    = bool
  default = false
}

resource "aws_kms_key" "tables" {
  description             = "under the tables"
  deletion_window_in_days = 7
}

resource "aws_dynamodb_table" "provisioned" {
  name           = "provisioned"
  billing_mode   = "PROVISIONED"
  read_capacity  = var.later ? 7 : 5
  write_capacity = 5
  hash_key       = "pk"
  range_key      = "sk"

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "sk"
    type = "N"
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.tables.arn
  }

  tags = {
    Team  = "a team"
    Stage = var.later ? "production" : "test"
  }
}

resource "aws_dynamodb_table" "on_demand" {
  name         = "on-demand"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"

  attribute {
    name = "pk"
    type = "S"
  }

  on_demand_throughput {
    max_read_request_units  = 100
    max_write_request_units = var.later ? 60 : 50
  }

  lifecycle {
    ignore_changes = [tags]
  }
}

resource "aws_dynamodb_table" "classes" {
  name         = "classes"
  billing_mode = "PAY_PER_REQUEST"
  table_class  = var.later ? "STANDARD" : "STANDARD_INFREQUENT_ACCESS"
  hash_key     = "pk"

  attribute {
    name = "pk"
    type = "S"
  }
}

resource "aws_dynamodb_table" "protected" {
  name                        = "protected"
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = !var.later
  hash_key                    = "pk"

  attribute {
    name = "pk"
    type = "S"
  }
}

resource "aws_dynamodb_table" "switching" {
  name           = "switching"
  billing_mode   = var.later ? "PAY_PER_REQUEST" : "PROVISIONED"
  read_capacity  = var.later ? null : 1
  write_capacity = var.later ? null : 1
  hash_key       = "pk"

  attribute {
    name = "pk"
    type = "B"
  }
}

resource "aws_dynamodb_tag" "owner" {
  resource_arn = aws_dynamodb_table.on_demand.arn
  key          = "Owner"
  value        = var.later ? "them" : "us"
}

resource "aws_dynamodb_resource_policy" "readers" {
  resource_arn = aws_dynamodb_table.on_demand.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Readers"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:root" }
      Action    = var.later ? ["dynamodb:GetItem", "dynamodb:Query"] : ["dynamodb:GetItem"]
      Resource  = aws_dynamodb_table.on_demand.arn
    }]
  })
}

resource "aws_dynamodb_table" "indexed" {
  name         = "indexed"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "sk"
    type = "S"
  }
  attribute {
    name = "local"
    type = "N"
  }
  attribute {
    name = "first"
    type = "S"
  }
  dynamic "attribute" {
    for_each = var.later ? ["second"] : []
    content {
      name = attribute.value
      type = "S"
    }
  }

  local_secondary_index {
    name               = "by-local"
    range_key          = "local"
    projection_type    = "INCLUDE"
    non_key_attributes = ["title", "author"]
  }

  global_secondary_index {
    name            = "by-first"
    hash_key        = "first"
    range_key       = "sk"
    projection_type = "ALL"
  }

  dynamic "global_secondary_index" {
    for_each = var.later ? ["second"] : []
    content {
      name            = "by-second"
      hash_key        = global_secondary_index.value
      projection_type = "KEYS_ONLY"
    }
  }
}

resource "aws_dynamodb_table" "streamed" {
  name             = "streamed"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "pk"
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  attribute {
    name = "pk"
    type = "S"
  }

  ttl {
    attribute_name = "expires"
    enabled        = !var.later
  }
}
