package dynamodb

import (
	"context"
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
)

// needEach adds the permission for an action on each of the tables, and notes their names for the trail.
func (s *Service) needEach(
	caller *auth.Caller, action string, tables []string, request any, needs *auth.Needs,
) error {
	for _, name := range tables {
		if err := s.needOnce(caller, action, &name, request, needs); err != nil {
			return err
		}
	}
	needs.Note("tableNames", tables)
	return nil
}

// needOnce adds a permission that is not there yet.
func (s *Service) needOnce(
	caller *auth.Caller, action string, table *string, request any, needs *auth.Needs,
) error {
	resource, err := s.resource(caller, table)
	if err != nil {
		return err
	}
	known := func(n auth.Need) bool { return n.Action == action && n.Resource == resource }
	if !slices.ContainsFunc(needs.All(), known) {
		s.add(caller, action, resource, request, needs)
	}
	return nil
}

func (s *Service) batchGetItemAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.BatchGetItemInput, needs *auth.Needs,
) error {
	return s.needEach(caller, "dynamodb:BatchGetItem", slices.Sorted(maps.Keys(in.RequestItems)), in, needs)
}

func (s *Service) batchWriteItemAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.BatchWriteItemInput, needs *auth.Needs,
) error {
	return s.needEach(caller, "dynamodb:BatchWriteItem", slices.Sorted(maps.Keys(in.RequestItems)), in, needs)
}

// transactWriteItemsAccess needs the permissions of the writes that the transaction is made of.
func (s *Service) transactWriteItemsAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.TransactWriteItemsInput, needs *auth.Needs,
) error {
	var tables []string
	for i := range in.TransactItems {
		action, table, err := writeAction(&in.TransactItems[i])
		if err != nil {
			return err
		}
		if err := s.needOnce(caller, action, table, in, needs); err != nil {
			return err
		}
		tables = append(tables, *table)
	}
	needs.Note("tableNames", distinct(tables))
	return nil
}

// writeAction is the permission that one write of a transaction needs, and its table. A write is exactly one
// of four things.
func writeAction(item *dynamodbapi.TransactWriteItem) (action string, table *string, err error) {
	actions := 0
	if item.Put != nil {
		action, table, actions = "dynamodb:PutItem", item.Put.TableName, actions+1
	}
	if item.Update != nil {
		action, table, actions = "dynamodb:UpdateItem", item.Update.TableName, actions+1
	}
	if item.Delete != nil {
		action, table, actions = "dynamodb:DeleteItem", item.Delete.TableName, actions+1
	}
	if item.ConditionCheck != nil {
		action, table, actions = "dynamodb:ConditionCheckItem", item.ConditionCheck.TableName, actions+1
	}
	if actions != 1 {
		return "", nil, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	return action, table, nil
}

func (s *Service) transactGetItemsAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.TransactGetItemsInput, needs *auth.Needs,
) error {
	var tables []string
	for _, item := range in.TransactItems {
		tables = append(tables, *item.Get.TableName)
	}
	return s.needEach(caller, "dynamodb:GetItem", distinct(tables), in, needs)
}

func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
