"""What differs from service to service."""

# The members of requests and responses that hold bytes, by service. DynamoDB's lie in attribute values.
KMS_BLOBS = frozenset((
    "CiphertextBlob", "Plaintext", "Signature", "Message", "Mac", "PublicKey", "PrivateKeyCiphertextBlob",
    "PrivateKeyPlaintext", "SharedSecret", "ImportToken", "EncryptedKeyMaterial", "CiphertextForRecipient", "AttestationDocument"))

# The members of responses that hold a time.
TIMES = frozenset((
    "CreationDateTime", "LastIncreaseDateTime", "LastDecreaseDateTime", "LastUpdateDateTime", "LastUpdateToPayPerRequestDateTime",
    "InaccessibleEncryptionDateTime", "ArchivalDateTime", "EarliestRestorableDateTime", "LatestRestorableDateTime",
    "BackupCreationDateTime", "BackupExpiryDateTime", "RestoreDateTime", "CreationRequestDateTime",
    "ApproximateCreationDateTime", "CreationDate", "DeletionDate", "ValidTo", "ParametersValidTo", "RotationDate",
    "NextRotationDate", "OnDemandRotationStartDate", "LastUpdatedDate", "Expiration", "ExportTime", "StartTime", "EndTime"))

# name: protocol, target prefix or version, content version, name in signatures
SERVICES = {
    "dynamodb": ("json", "DynamoDB_20120810", "1.0", "dynamodb"),
    "dynamodbstreams": ("json", "DynamoDBStreams_20120810", "1.0", "dynamodb"),
    "kms": ("json", "TrentService", "1.1", "kms"),
    "ssm": ("json", "AmazonSSM", "1.1", "ssm"),
    "logs": ("json", "Logs_20140328", "1.1", "logs"),
    "sts": ("query", "2011-06-15", "", "sts"),
    "iam": ("query", "2010-05-08", "", "iam"),
    "sns": ("query", "2010-03-31", "", "sns"),
    "lambda": ("lambda", "2015-03-31", "", "lambda"),
}

# operation: the token of the answer, that of the request, and what is gathered
PAGES = {
    ("dynamodb", "Query"): ("LastEvaluatedKey", "ExclusiveStartKey", "Items", "Limit"),
    ("dynamodb", "Scan"): ("LastEvaluatedKey", "ExclusiveStartKey", "Items", "Limit"),
    ("dynamodb", "ListTables"): ("LastEvaluatedTableName", "ExclusiveStartTableName", "TableNames", "Limit"),
    ("dynamodb", "ListTagsOfResource"): ("NextToken", "NextToken", "Tags", None),
    ("kms", "ListKeys"): ("NextMarker", "Marker", "Keys", "Limit"),
    ("kms", "ListAliases"): ("NextMarker", "Marker", "Aliases", "Limit"),
    ("kms", "ListGrants"): ("NextMarker", "Marker", "Grants", "Limit"),
    ("kms", "ListKeyPolicies"): ("NextMarker", "Marker", "PolicyNames", "Limit"),
    ("ssm", "GetParametersByPath"): ("NextToken", "NextToken", "Parameters", "MaxResults"),
    ("logs", "FilterLogEvents"): ("nextToken", "nextToken", "events", "limit"),
}

# name: operation, seconds between attempts, attempts, path of the answer, value that is waited for, code of an error
# that is waited for
WAITERS = {
    ("dynamodb", "table_exists"): ("DescribeTable", 20, 25, ("Table", "TableStatus"), "ACTIVE", None),
    ("dynamodb", "table_not_exists"): ("DescribeTable", 20, 25, None, None, "ResourceNotFoundException"),
}
