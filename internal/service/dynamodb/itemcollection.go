package dynamodb

import (
	"bytes"
	"context"
	"slices"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
)

// collectionMetrics are what ReturnItemCollectionMetrics asks for of the collection of an item, or of a key.
// DynamoDB gives them only for tables with local secondary indexes, whatever the mode.
func (s *Service) collectionMetrics(
	ctx context.Context, mode *string, t *engine.Table, item attribute.Item,
) (*dynamodbapi.ItemCollectionMetrics, error) {
	if !wantsCapacity(mode) || !t.HasLocalIndexes() {
		return nil, nil
	}
	size, err := s.engine.CollectionSize(ctx, t, item)
	if err != nil {
		return nil, refusal(err)
	}
	var key attribute.Builder
	key.Set(t.Key.Hash.Name, item.Get(t.Key.Hash.Name))
	whole := float64(size >> 30)
	return &dynamodbapi.ItemCollectionMetrics{ItemCollectionKey: key.Item(),
		SizeEstimateRangeGB: []float64{whole, whole + 1}}, nil
}

// batchMetrics is collectionMetrics for writes to several tables, of each collection once, by what the
// request calls the tables.
func (s *Service) batchMetrics(
	ctx context.Context, mode *string, tables []*engine.Table, called []string, writes []engine.Write,
) (map[string][]dynamodbapi.ItemCollectionMetrics, error) {
	var all map[string][]dynamodbapi.ItemCollectionMetrics
	for i, t := range tables {
		if !wantsCapacity(mode) || !t.HasLocalIndexes() {
			continue
		}
		key, err := writes[i].Key()
		if err != nil {
			return nil, err
		}
		if key == nil {
			continue
		}
		metrics, err := s.collectionMetrics(ctx, mode, t, key)
		if err != nil {
			return nil, err
		}
		known := slices.ContainsFunc(all[called[i]], func(m dynamodbapi.ItemCollectionMetrics) bool {
			return bytes.Equal(m.ItemCollectionKey, metrics.ItemCollectionKey)
		})
		if all == nil {
			all = map[string][]dynamodbapi.ItemCollectionMetrics{}
		}
		if !known {
			all[called[i]] = append(all[called[i]], *metrics)
		}
	}
	return all, nil
}
