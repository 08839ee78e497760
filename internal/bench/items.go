package main

import (
	"bytes"
	"fmt"
	"strings"
)

// Calls on items beyond GetItem and PutItem. Items are of 400 B.

const (
	seriesTable   = "Series"
	seriesCount   = 64  // partitions
	seriesLength  = 100 // items in each
	shortPadding  = 330
	batchLength   = 25
	transactItems = 10
	transactOver  = 5 // tables
)

// shortItem is an item of 400 B.
func shortItem(partition string, n int) string {
	return fmt.Sprintf(`{"Id":{"S":%q},"At":{"N":"%d"},"Kind":{"S":"reading"},"Text":{"S":"%s"}}`, partition,
		n, padding(n)[:shortPadding])
}

func partition(i int) string { return fmt.Sprintf("series-%06d", i) }

func seriesBody(name string) string {
	return fmt.Sprintf(`{"TableName":%q,"BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"Id","AttributeType":"S"},`+
		`{"AttributeName":"At","AttributeType":"N"}],"KeySchema":[{"AttributeName":"Id","KeyType":"HASH"},{"AttributeName":"At","KeyType":"RANGE"}],`+
		`"SSESpecification":{"Enabled":true,"SSEType":"KMS"}}`, name)
}

// batch writes 25 items, from the nth on, to a partition.
func batch(table, partition string, n int) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"RequestItems":{%q:[`, table)
	for i := range batchLength {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"PutRequest":{"Item":%s}}`, shortItem(partition, n+i))
	}
	b.WriteString("]}}")
	return b.String()
}

func transactTable(i int) string { return fmt.Sprintf("Transact-%d", i%transactOver) }

// transaction writes ten items over five tables.
func transaction(n int) string {
	parts := make([]string, transactItems)
	for i := range parts {
		parts[i] = fmt.Sprintf(`{"Put":{"TableName":%q,"Item":%s}}`, transactTable(i),
			shortItem(partition(n), i))
	}
	return `{"TransactItems":[` + strings.Join(parts, ",") + `]}`
}

const (
	indexedTable = "Indexed"
	indexes      = 5
)

// indexedBody is a table whose items are in five global secondary indexes, each whole.
func indexedBody() string {
	attributes, list := `{"AttributeName":"Id","AttributeType":"S"}`, ""
	for i := range indexes {
		attributes += fmt.Sprintf(`,{"AttributeName":"G%d","AttributeType":"S"}`, i)
		list += fmt.Sprintf(
			`,{"IndexName":"by-%d","KeySchema":[{"AttributeName":"G%d","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}`, i, i,
		)
	}
	return fmt.Sprintf(`{"TableName":%q,"BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[%s],"KeySchema":[{"AttributeName":"Id",`+
		`"KeyType":"HASH"}],"GlobalSecondaryIndexes":[%s],"SSESpecification":{"Enabled":true,"SSEType":"KMS"}}`, indexedTable, attributes, list[1:])
}

// indexedPut writes an item of 400 B that stands in all indexes.
func indexedPut(i int) string {
	return fmt.Sprintf(`{"TableName":%q,"Item":{"Id":{"S":%q},"G0":{"S":"a%d"},"G1":{"S":"b%d"},"G2":{"S":"c%d"},"G3":{"S":"d%d"},"G4":{"S":"e%d"},`+
		`"Text":{"S":"%s"}}}`, indexedTable, partition(i), i, i%2, i%16, i%128, i%256,
		padding(i)[:shortPadding])
}

// fillSeries makes the tables and the items that are read.
func (in *installation) fillSeries() error {
	tables := []string{seriesTable, "Batches"}
	for i := range transactOver {
		tables = append(tables, transactTable(i))
	}
	for _, name := range tables {
		if err := in.call("CreateTable", seriesBody(name), nil); err != nil {
			return err
		}
	}
	if err := in.call("CreateTable", indexedBody(), nil); err != nil {
		return err
	}
	for p := range seriesCount {
		for n := 0; n < seriesLength; n += batchLength {
			if err := in.call("BatchWriteItem", batch(seriesTable, partition(p), n), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// items compares further calls on items with a constant answer.
func (b *bench) items() error {
	return b.withInstallation(func(in *installation) error {
		if err := in.fillSeries(); err != nil {
			return err
		}
		return b.measure(in, []*workload{
			{operation: "UpdateItem", title: "UpdateItem with a condition, of an item of 1 KB",
				requests: in.calls("UpdateItem", func(i int) string {
					return fmt.Sprintf(`{"TableName":%q,"Key":{"Id":{"S":"customer-%06d"}},"UpdateExpression":"SET #c = #c + :one",`+
						`"ConditionExpression":"attribute_exists(Id) AND Active = :yes","ExpressionAttributeNames":{"#c":"Number"},`+
						`"ExpressionAttributeValues":{":one":{"N":"1"},":yes":{"BOOL":true}}}`, tableName, i)
				})},
			{operation: "Query", title: "Query of 100 items of 400 B", target: 25, items: seriesLength,
				requests: in.calls("Query", func(i int) string {
					return fmt.Sprintf(`{"TableName":%q,"KeyConditionExpression":"Id = :id","ExpressionAttributeValues":{":id":{"S":%q}}}`,
						seriesTable, partition(i%seriesCount))
				})},
			{operation: "Scan", title: "Scan of a quarter of 6400 items of 400 B", bytes: true,
				requests: in.calls("Scan", func(i int) string {
					return fmt.Sprintf(`{"TableName":%q,"Segment":%d,"TotalSegments":4}`, seriesTable, i%4)
				})},
			{operation: "BatchWriteItem", title: "BatchWriteItem of 25 items of 400 B", items: batchLength,
				itemsAim: 100_000, requests: in.calls("BatchWriteItem",
					func(i int) string { return batch("Batches", partition(i), 0) })},
			{operation: "TransactWriteItems", title: "TransactWriteItems of 10 items over 5 tables",
				items:    transactItems,
				requests: in.calls("TransactWriteItems", transaction)},
			{operation: "PutItem", title: "PutItem of 400 B into a table with 5 indexes",
				requests: in.calls("PutItem", indexedPut)},
		})
	})
}
