package dynamodb

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/engine"
)

// Quotas of secondary indexes ("Quotas in Amazon DynamoDB: secondary indexes").
const (
	maxLocalIndexes  = 5
	maxGlobalIndexes = 20
	maxIncluded      = 100 // non-key attributes of all indexes together
	maxKeyParts      = 4   // hash attributes of a global index, and as many range attributes
)

// readIndexes adds the indexes that a CreateTable asks for to t, whose key and definitions are read.
func readIndexes(t *engine.Table, in *dynamodbapi.CreateTableInput) error {
	if err := readLocalIndexes(t, in.LocalSecondaryIndexes); err != nil {
		return err
	}
	if err := readGlobalIndexes(t, in.GlobalSecondaryIndexes); err != nil {
		return err
	}
	if err := checkIncluded(t); err != nil {
		return err
	}
	return checkDefinitionsUsed(t)
}

func readLocalIndexes(t *engine.Table, given []dynamodbapi.LocalSecondaryIndex) error {
	if given != nil && len(given) == 0 {
		return invalidParameter("List of LocalSecondaryIndexes is empty")
	}
	for i := range given {
		if t.Key.Range == nil {
			return invalidParameter("Table KeySchema does not have a range key, which is required when " +
				"specifying a LocalSecondaryIndex")
		}
		x, err := readLocalIndex(t, &given[i], i)
		if err != nil {
			return err
		}
		t.AddIndex(x)
	}
	if len(given) > maxLocalIndexes {
		return invalidParameter("Number of LocalSecondaryIndexes exceeds per-table limit of %d",
			maxLocalIndexes)
	}
	return nil
}

func readLocalIndex(t *engine.Table, given *dynamodbapi.LocalSecondaryIndex, i int) (engine.Index, error) {
	x := engine.Index{Name: *given.IndexName, Local: true}
	if err := checkNewName(t, x.Name); err != nil {
		return x, err
	}
	if len(given.KeySchema) > 2 {
		return x, brokenConstraint("'"+showKeySchema(given.KeySchema)+"'",
			fmt.Sprintf("localSecondaryIndexes.%d.member.keySchema", i+1),
			"Member must have length less than or equal to 2")
	}
	if err := readIndexKeys(&x, given.KeySchema, t.Attributes); err != nil {
		return x, err
	}
	switch {
	case len(x.Range) == 0:
		return x, invalidParameter("Index KeySchema does not have a range key for index: %s", x.Name)
	case x.Hash[0].Name != t.Key.Hash.Name:
		return x, invalidParameter("Index KeySchema does not have the same leading hash key as table "+
			"KeySchema for index: %s. index hash key: %s, table hash key: %s",
			x.Name, x.Hash[0].Name, t.Key.Hash.Name)
	}
	return x, readProjection(&x, given.Projection)
}

func readGlobalIndexes(t *engine.Table, given []dynamodbapi.GlobalSecondaryIndex) error {
	if given != nil && len(given) == 0 {
		return invalidParameter("List of GlobalSecondaryIndexes is empty")
	}
	for i := range given {
		g := &given[i]
		x, err := readGlobalIndex(t, *g.IndexName, g.KeySchema, g.Projection)
		if err != nil {
			return err
		}
		if err := readIndexThroughput(t, &x, g.ProvisionedThroughput, g.OnDemandThroughput,
			g.WarmThroughput); err != nil {
			return err
		}
		x.ActiveAt = t.ActiveAt
		t.AddIndex(x)
	}
	if len(given) > maxGlobalIndexes {
		return invalidParameter("GlobalSecondaryIndex count exceeds the per-table limit of %d",
			maxGlobalIndexes)
	}
	return nil
}

// readGlobalIndex reads what a global index is, all but its throughput.
func readGlobalIndex(
	t *engine.Table, name string, keys []dynamodbapi.KeySchemaElement, projection *dynamodbapi.Projection,
) (engine.Index, error) {
	x := engine.Index{Name: name}
	if err := checkNewName(t, name); err != nil {
		return x, err
	}
	if err := readIndexKeys(&x, keys, t.Attributes); err != nil {
		return x, err
	}
	return x, readProjection(&x, projection)
}

func checkNewName(t *engine.Table, name string) error {
	if t.Index(name) != nil {
		return invalidParameter("Duplicate index name: %s", name)
	}
	return nil
}

// readIndexKeys reads an index's KeySchema against the definitions.
func readIndexKeys(
	x *engine.Index, elements []dynamodbapi.KeySchemaElement, definitions []engine.KeyAttribute,
) error {
	if err := checkIndexKeyOrder(elements); err != nil {
		return err
	}
	for _, e := range elements {
		at := slices.IndexFunc(definitions, func(a engine.KeyAttribute) bool {
			return a.Name == *e.AttributeName
		})
		if at < 0 {
			return invalidParameter("Some index key attributes are not defined in AttributeDefinitions. "+
				"Keys: [%s], AttributeDefinitions: [%s]",
				strings.Join(elementNames(elements), ", "), strings.Join(definedNames(definitions), ", "))
		}
		if *e.KeyType == "HASH" {
			x.Hash = append(x.Hash, definitions[at])
		} else {
			x.Range = append(x.Range, definitions[at])
		}
	}
	return nil
}

// checkIndexKeyOrder is checkKeyOrder for keys of several attributes: first those of the partition, then
// those of the order.
func checkIndexKeyOrder(elements []dynamodbapi.KeySchemaElement) error {
	hashes, ranges := 0, 0
	for i, e := range elements {
		switch {
		case i == 0 && *e.KeyType != "HASH":
			return invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
		case *e.KeyType == "HASH" && ranges > 0:
			return invalid("Invalid KeySchema: All HASH key attributes must precede RANGE key attributes " +
				"in the KeySchema")
		case *e.KeyType == "HASH":
			hashes++
		default:
			ranges++
		}
	}
	switch names := elementNames(elements); {
	case hashes > maxKeyParts:
		return invalid("Invalid KeySchema: The KeySchema exceeds the maximum allowed number of HASH key " +
			"attributes")
	case ranges > maxKeyParts:
		return invalid("Invalid KeySchema: The KeySchema exceeds the maximum allowed number of RANGE key " +
			"attributes")
	case len(distinct(names)) < len(elements):
		return invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	return nil
}

func elementNames(elements []dynamodbapi.KeySchemaElement) []string {
	names := make([]string, len(elements))
	for i, e := range elements {
		names[i] = *e.AttributeName
	}
	return names
}

func readProjection(x *engine.Index, given *dynamodbapi.Projection) error {
	if given.ProjectionType == nil {
		return invalidParameter("Unknown ProjectionType: null")
	}
	x.Projection, x.Included = engine.Projection(*given.ProjectionType), given.NonKeyAttributes
	switch {
	case x.Projection == engine.ProjectInclude && x.Included == nil:
		return invalidParameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	case x.Projection != engine.ProjectInclude && x.Included != nil:
		return invalidParameter("ProjectionType is %s, but NonKeyAttributes is specified", x.Projection)
	}
	return nil
}

// checkIncluded counts the non-key attributes of all indexes, one that several indexes include as often as
// they do.
func checkIncluded(t *engine.Table) error {
	n := 0
	for i := range t.Indexes {
		n += len(t.Indexes[i].Included)
	}
	if n > maxIncluded {
		return invalidParameter("Number of NonKeyAttributes of all indexes exceeds per-table limit of %d",
			maxIncluded)
	}
	return nil
}

// checkDefinitionsUsed refuses definitions of attributes that are part of no key.
func checkDefinitionsUsed(t *engine.Table) error {
	used := t.KeyNames()
	if len(used) == len(t.Attributes) {
		return nil
	}
	if len(t.Indexes) == 0 {
		return invalidParameter("Number of attributes in KeySchema does not exactly match number of " +
			"attributes defined in AttributeDefinitions")
	}
	return invalidParameter("Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys "+
		"used: [%s]",
		strings.Join(definedNames(t.Attributes), ", "), strings.Join(used, ", "))
}

// readIndexThroughput reads the throughput of a new global index, which goes by the table's billing mode.
func readIndexThroughput(t *engine.Table, x *engine.Index, given *dynamodbapi.ProvisionedThroughput,
	onDemand *dynamodbapi.OnDemandThroughput,
	warm *dynamodbapi.WarmThroughput) error {
	if err := setOnDemandOf(t, "index "+x.Name, onDemand, true, &x.OnDemandRead,
		&x.OnDemandWrite); err != nil {
		return err
	}
	if err := readIndexUnits(t, x, given); err != nil {
		return err
	}
	return warmedIndex(t, x).set(warm, true, time.Time{})
}

func readIndexUnits(t *engine.Table, x *engine.Index, given *dynamodbapi.ProvisionedThroughput) error {
	switch {
	case t.PayPerRequest && given != nil:
		return invalidParameter("ProvisionedThroughput should not be specified for index: %s when "+
			"BillingMode is PAY_PER_REQUEST", x.Name)
	case t.PayPerRequest:
		return nil
	case given == nil:
		return invalidParameter("ProvisionedThroughput is not specified for index: %s", x.Name)
	}
	if err := checkIndexUnits(x.Name, given); err != nil {
		return err
	}
	x.Throughput.Read, x.Throughput.Write = *given.ReadCapacityUnits, *given.WriteCapacityUnits
	return nil
}

func checkIndexUnits(name string, p *dynamodbapi.ProvisionedThroughput) error {
	switch {
	case *p.ReadCapacityUnits > maxUnits:
		return invalid("Given value %d for ReadCapacityUnits is out of bounds for index %s",
			*p.ReadCapacityUnits, name)
	case *p.WriteCapacityUnits > maxUnits:
		return invalid("Given value %d for WriteCapacityUnits is out of bounds for index %s",
			*p.WriteCapacityUnits, name)
	}
	return nil
}

// indexStatus is an index's IndexStatus at a moment.
func indexStatus(t *engine.Table, x *engine.Index, now time.Time) string {
	switch {
	case t.Deleting || x.State == engine.IndexClearing:
		return "DELETING"
	case x.State == engine.IndexFilling, now.Before(x.ActiveAt) && !x.Updating:
		return "CREATING"
	case now.Before(x.ActiveAt):
		return "UPDATING"
	}
	return "ACTIVE"
}

// describeIndexes adds a table's indexes to its description.
func describeIndexes(d *dynamodbapi.TableDescription, t *engine.Table, now time.Time) {
	for i := range t.Indexes {
		if x := &t.Indexes[i]; x.Local {
			d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes,
				dynamodbapi.LocalSecondaryIndexDescription{
					IndexName: &x.Name, IndexArn: new(indexARN(t.ARN, x.Name)),
					KeySchema:  describeIndexKeys(x),
					Projection: describeProjection(x), ItemCount: &x.Items, IndexSizeBytes: &x.Bytes,
				})
		} else {
			d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, describeGlobalIndex(t, x, now))
		}
	}
}

func describeGlobalIndex(
	t *engine.Table, x *engine.Index, now time.Time,
) dynamodbapi.GlobalSecondaryIndexDescription {
	d := dynamodbapi.GlobalSecondaryIndexDescription{
		IndexName: &x.Name, IndexArn: new(indexARN(t.ARN, x.Name)),
		IndexStatus: new(indexStatus(t, x, now)),
		KeySchema:   describeIndexKeys(x), Projection: describeProjection(x), ItemCount: &x.Items,
		IndexSizeBytes:        &x.Bytes,
		ProvisionedThroughput: describeThroughput(&x.Throughput, now),
		OnDemandThroughput:    describeOnDemand(x.OnDemandRead, x.OnDemandWrite),
		WarmThroughput:        describeIndexWarm(t, x, now),
	}
	// the answer of UpdateTable comes before the index is being filled
	if x.Online && *d.IndexStatus == "CREATING" {
		d.Backfilling = new(now.After(x.ActiveAt))
	}
	return d
}

func indexARN(table, index string) string { return table + "/index/" + index }

func describeIndexKeys(x *engine.Index) []dynamodbapi.KeySchemaElement {
	var out []dynamodbapi.KeySchemaElement
	for i := range x.Hash {
		out = append(out, dynamodbapi.KeySchemaElement{AttributeName: &x.Hash[i].Name,
			KeyType: new("HASH")})
	}
	for i := range x.Range {
		out = append(out, dynamodbapi.KeySchemaElement{AttributeName: &x.Range[i].Name,
			KeyType: new("RANGE")})
	}
	return out
}

func describeProjection(x *engine.Index) *dynamodbapi.Projection {
	return &dynamodbapi.Projection{ProjectionType: new(string(x.Projection)),
		NonKeyAttributes: x.Included}
}
