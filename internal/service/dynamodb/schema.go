package dynamodb

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
)

func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func decimal(n int) string { return strconv.Itoa(n) }

// readDefinitions reads AttributeDefinitions.
func readDefinitions(definitions []dynamodbapi.AttributeDefinition) ([]engine.KeyAttribute, error) {
	var out []engine.KeyAttribute
	for _, d := range definitions {
		name := *d.AttributeName
		if slices.ContainsFunc(out, func(a engine.KeyAttribute) bool { return a.Name == name }) {
			return nil, invalid("Attribute Name is duplicated: %s", name)
		}
		out = append(out, engine.KeyAttribute{Name: name, Kind: keyKind(*d.AttributeType)})
	}
	return out, nil
}

func keyKind(name string) attribute.Kind {
	switch name {
	case "N":
		return attribute.N
	case "B":
		return attribute.B
	}
	return attribute.S
}

// readKeySchema reads a table's KeySchema against its definitions.
func readKeySchema(
	elements []dynamodbapi.KeySchemaElement, definitions []engine.KeyAttribute,
) (engine.KeySchema, error) {
	var schema engine.KeySchema
	if err := checkKeyOrder(elements); err != nil {
		return schema, err
	}
	for i, e := range elements {
		at := slices.IndexFunc(definitions, func(a engine.KeyAttribute) bool {
			return a.Name == *e.AttributeName
		})
		if at < 0 {
			return schema, invalid("Invalid KeySchema: Some index key attribute have no definition")
		}
		if i == 0 {
			schema.Hash = definitions[at]
		} else {
			schema.Range = &definitions[at]
		}
	}
	return schema, nil
}

func checkKeyOrder(elements []dynamodbapi.KeySchemaElement) error {
	switch {
	case *elements[0].KeyType != "HASH":
		return invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	case len(elements) == 1:
		return nil
	case *elements[1].KeyType != "RANGE":
		return invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	case *elements[0].AttributeName == *elements[1].AttributeName:
		return invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	return nil
}

// showKeySchema shows a list as the messages about broken constraints do.
func showKeySchema(elements []dynamodbapi.KeySchemaElement) string {
	shown := make([]string, len(elements))
	for i, e := range elements {
		shown[i] = "KeySchemaElement(attributeName=" + *e.AttributeName + ", keyType=" + *e.KeyType + ")"
	}
	return "[" + strings.Join(shown, ", ") + "]"
}

func definedNames(definitions []engine.KeyAttribute) []string {
	names := make([]string, len(definitions))
	for i, d := range definitions {
		names[i] = d.Name
	}
	return names
}

// readBilling applies BillingMode and ProvisionedThroughput to a new table.
func readBilling(
	t *engine.Table, mode *string, throughput *dynamodbapi.ProvisionedThroughput, now time.Time,
) error {
	if mode != nil && *mode == "PAY_PER_REQUEST" {
		if throughput != nil {
			return invalidParameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified " +
				"when BillingMode is PAY_PER_REQUEST")
		}
		t.PayPerRequest, t.LastPayPerRequest = true, now
		t.Throughput.Read, t.Throughput.Write = 0, 0
		return nil
	}
	if throughput == nil {
		return invalidParameter("ReadCapacityUnits and WriteCapacityUnits must both be specified when " +
			"BillingMode is PROVISIONED")
	}
	if err := checkThroughput(throughput); err != nil {
		return err
	}
	t.PayPerRequest = false
	t.Throughput.Read, t.Throughput.Write = *throughput.ReadCapacityUnits, *throughput.WriteCapacityUnits
	return nil
}
