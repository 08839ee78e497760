# Users, groups, roles, policies, and a key that names a role: what the provider asks of the identity service.
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
  default = ""
}

data "aws_caller_identity" "me" {}

resource "aws_iam_policy" "read" {
  name        = "read"
  path        = "/team/"
  description = "reads"
  tags        = { a = "b" }
  policy      = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:Query${var.more == "" ? "" : "*"}"], Resource = "*" }] })
}

resource "aws_iam_role" "worker" {
  name                 = "worker"
  path                 = "/app/"
  description          = "works${var.more}"
  max_session_duration = var.more == "" ? 7200 : 3600
  permissions_boundary = var.more == "" ? aws_iam_policy.read.arn : null
  tags                 = { team = "x${var.more}" }
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" },
  { Effect = "Allow", Principal = { AWS = aws_iam_user.alice.arn }, Action = "sts:AssumeRole" }] })
}

resource "aws_iam_role_policy" "write" {
  name   = "write"
  role   = aws_iam_role.worker.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "dynamodb:PutItem", Resource = "*" }] })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.worker.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachment" "read" {
  role       = aws_iam_role.worker.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_user" "alice" {
  name          = "alice"
  force_destroy = true
  tags          = { team = "x" }
}

resource "aws_iam_access_key" "alice" { user = aws_iam_user.alice.name }

resource "aws_iam_user_policy" "alice" {
  name   = "own"
  user   = aws_iam_user.alice.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "iam:GetUser", Resource = "*" }] })
}

resource "aws_iam_user_policy_attachment" "alice" {
  user       = aws_iam_user.alice.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_group" "team" { name = "team" }

resource "aws_iam_group_membership" "team" {
  name  = "m"
  group = aws_iam_group.team.name
  users = [aws_iam_user.alice.name]
}

resource "aws_iam_group_policy_attachment" "team" {
  group      = aws_iam_group.team.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess"
}

resource "aws_kms_key" "k" {
  deletion_window_in_days = 7
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }, Action = "kms:*", Resource = "*" },
  { Effect = "Allow", Principal = { AWS = aws_iam_role.worker.arn }, Action = "kms:Decrypt", Resource = "*" }] })
}
