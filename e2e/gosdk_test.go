package e2e

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
)

// TestGoSDK uses the AWS SDK for Go, which checks the checksums of answers, warns of oddities, and maps errors to types.
func TestGoSDK(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	config := sdkConfig(s)
	config.Logger = logging.LoggerFunc(func(class logging.Classification, format string, v ...any) { t.Errorf("the SDK says: "+format, v...) })
	who, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Account != "123456789012" {
		t.Fatalf("caller identity: %v %v", who, err)
	}
	key, err := kms.NewFromConfig(config).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	testGoItems(t, dynamodb.NewFromConfig(config), key.KeyMetadata.Arn)
	testGoIndexes(t, dynamodb.NewFromConfig(config))
}

func testGoItems(t *testing.T, db *dynamodb.Client, key *string) {
	table := aws.String("go-sdk")
	created, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		SSESpecification:     &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: key},
	})
	if err != nil || *created.TableDescription.SSEDescription.KMSMasterKeyArn != *key {
		t.Fatalf("create table: %v %v", created, err)
	}
	item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}, "b": &types.AttributeValueMemberB{Value: []byte{1, 2}}}
	if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: item}); err != nil {
		t.Fatal(err)
	}
	var failed *types.ConditionalCheckFailedException
	_, err = db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	if !errors.As(err, &failed) || len(failed.Item) != 2 {
		t.Errorf("a condition that fails: %v", err)
	}
	var missing *types.ResourceNotFoundException
	if _, err = db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("none")}); !errors.As(err, &missing) {
		t.Errorf("a table that is not there: %v", err)
	}
	pages, count := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: table, Limit: aws.Int32(1)}), 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		count += len(page.Items)
	}
	if count != 1 {
		t.Errorf("a scan found %d items", count)
	}
}
