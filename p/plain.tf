# Terraform
resource "aws_dynamodb_table" "a" {
  name     = "cc-game-scores" # comment
  hash_key = "id"
}

resource "aws_dynamodb_table" "b" {
  name = "b"
  server_side_encryption {
    enabled = false # off
  }
}
