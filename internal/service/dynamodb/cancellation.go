package dynamodb

import (
	"errors"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

// transactionRefusal words what is wrong with a transaction as a whole.
func transactionRefusal(err error) error {
	switch {
	case errors.Is(err, engine.ErrSameItem):
		return invalid("Transaction request cannot include multiple operations on one item")
	case errors.Is(err, engine.ErrTransactionTooLarge):
		return invalid("The aggregate size of the items in the transaction cannot exceed 4 MB")
	case errors.Is(err, engine.ErrTokenReused):
		return dynamodbapi.IdempotentParameterMismatchException("The request uses the same client token as " +
			"a previous, but non-identical request.")
	}
	return refusal(err)
}

// Codes of CancellationReasons.
const (
	noReason         = "None"
	conditionReason  = "ConditionalCheckFailed"
	validationReason = "ValidationError"
	collectionReason = "ItemCollectionSizeLimitExceeded"
	duplicateReason  = "DuplicateItem"
)

// cancelFor cancels a transaction for reasons that are in the order of its items.
func cancelFor(reasons []dynamodbapi.CancellationReason) error {
	codes := make([]string, len(reasons))
	for i := range reasons {
		codes[i] = *reasons[i].Code
	}
	return dynamodbapi.TransactionCanceledException("Transaction cancelled, please refer cancellation "+
		"reasons for specific reasons ["+
		strings.Join(codes, ", ")+"]", reasons)
}

// isFault says whether a key is wrong by itself, whatever the table: that is refused like any other wrong
// request. What does not fit the table, and a key that is too long, cancels the transaction.
func isFault(err error) bool {
	var key *engine.KeyError
	return errors.As(err, &key) && key.Problem == engine.KeyEmpty
}

// cancelMisfits cancels a transaction some of whose items do not fit their tables. misfits are worded, nil
// where an item fits.
func cancelMisfits(misfits []error) error {
	reasons, cancelled := make([]dynamodbapi.CancellationReason, len(misfits)), false
	for i, misfit := range misfits {
		var worded *api.Error
		switch {
		case misfit == nil:
			reasons[i].Code = new(noReason)
		case errors.As(misfit, &worded):
			reasons[i] = dynamodbapi.CancellationReason{Code: new(validationReason),
				Message: &worded.Message}
			cancelled = true
		default:
			return misfit
		}
	}
	if !cancelled {
		return nil
	}
	return cancelFor(reasons)
}

// cancellation gives the reasons for which the engine cancelled a transaction, one for each of its writes.
func cancellation(err error, plan []plannedWrite) error {
	var cancelled *engine.TransactionError
	if !errors.As(err, &cancelled) {
		return transactionRefusal(err)
	}
	reasons := make([]dynamodbapi.CancellationReason, len(plan))
	for i, reason := range cancelled.Reasons {
		if isFault(reason) {
			return updateRefusal(reason)
		}
		code, message, item := explainReason(reason, plan[i].returnItem)
		if code == "" {
			return reason
		}
		reasons[i] = dynamodbapi.CancellationReason{Code: &code, Message: message, Item: item}
	}
	return cancelFor(reasons)
}

// explainReason words why one write could not be done. code is empty for an error that is not for clients.
func explainReason(reason error, returnItem *string) (code string, message *string, item attribute.Item) {
	var failed *engine.ConditionError
	var wrong *expression.Error
	var key *engine.KeyError
	switch {
	case reason == nil:
		return noReason, nil, nil
	case errors.As(reason, &failed):
		return conditionReason, new(conditionFailed), failedItem(failed, returnItem)
	case errors.Is(reason, errDuplicateItem):
		return duplicateReason, new(duplicateItem), nil
	case errors.As(reason, &wrong):
		return validationReason, &wrong.Message, nil
	case errors.Is(reason, engine.ErrCollectionTooLarge):
		return collectionReason, new(collectionTooLarge), nil
	case errors.As(reason, &key):
		return validationReason, new(keyMessage(key)), nil
	case errors.Is(reason, engine.ErrItemTooLarge):
		return validationReason, new(updateTooLarge), nil
	}
	return "", nil, nil
}
