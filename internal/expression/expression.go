package expression

// Error says that an expression, or the placeholders given with it, break a rule of DynamoDB, or that an
// update does not fit the item. Message is DynamoDB's own text, for a ValidationException. It may quote the
// expression and values of the request, so it goes to the client who sent them and to no log.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

// The names of the expressions in requests, which errors begin with.
const (
	memberCondition    = "ConditionExpression"
	memberFilter       = "FilterExpression"
	memberKeyCondition = "KeyConditionExpression"
	memberProjection   = "ProjectionExpression"
	memberUpdate       = "UpdateExpression"
)
