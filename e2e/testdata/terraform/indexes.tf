# A table with indexes, one of which comes and goes.
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

variable "more" {
  default = false
}

resource "aws_dynamodb_table" "scores" {
  name         = "scores"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "user"
  range_key    = "game"

  dynamic "attribute" {
    for_each = var.more ? ["user", "game", "top", "won"] : ["user", "game", "top"]
    content {
      name = attribute.value
      type = "S"
    }
  }

  local_secondary_index {
    name               = "by-top"
    range_key          = "top"
    projection_type    = "INCLUDE"
    non_key_attributes = ["note"]
  }

  global_secondary_index {
    name            = "games"
    hash_key        = "game"
    range_key       = "top"
    projection_type = "ALL"
  }

  dynamic "global_secondary_index" {
    for_each = var.more ? ["winners"] : []
    content {
      name            = global_secondary_index.value
      hash_key        = "won"
      projection_type = "KEYS_ONLY"
    }
  }
}
