package dynamodb

import (
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// reads gives an operation DynamoDB's words for attribute values that break a rule. They are checked while the request is read, so
// they are reported before anything else that is wrong with it.
func reads[In, Out any](op api.Operation[In, Out]) api.Operation[In, Out] {
	read := op.Read
	op.Read = func(r *strictjson.Reader, in *In) error {
		before := *r
		if err := read(r, in); err != nil {
			return valueRefusal(err, before)
		}
		return nil
	}
	return op
}

// valueRefusal words an error of internal/attribute. before is the request, unread.
func valueRefusal(err error, before strictjson.Reader) error {
	var malformed *attribute.SerializationError
	var wrong *attribute.ValidationError
	switch {
	case errors.As(err, &malformed):
		return &api.Error{Code: "SerializationException", Message: malformed.Message}
	case !errors.As(err, &wrong):
		return err
	}
	if message := locateWrongValue(&before); message != "" {
		return invalid("%s", message)
	}
	return invalid("%s", wrong.Message)
}

// locateWrongValue reads the request once more, because DynamoDB says of some members which one the wrong value is in.
func locateWrongValue(r *strictjson.Reader) (message string) {
	if r.BeginObject() != nil {
		return ""
	}
	inPlaceholders := ""
	for {
		name, ok, err := r.NextName()
		switch {
		case err != nil || !ok:
			return inPlaceholders
		case string(name) == "Item" || string(name) == "Key":
			message = wrongItem(r)
		case string(name) == "ExclusiveStartKey":
			if message = wrongItem(r); message != "" {
				message = "The provided starting key is invalid: " + message
			}
		case string(name) == "ExpressionAttributeValues":
			inPlaceholders = wrongPlaceholder(r)
		default:
			_, err = r.ReadRaw()
		}
		if message != "" || err != nil {
			return message
		}
	}
}

// wrongItem is what is wrong with the item that r stands at.
func wrongItem(r *strictjson.Reader) string {
	_, err := attribute.ReadItem(r, nil)
	return ruleBroken(err)
}

// wrongPlaceholder is what is wrong with the first wrong value of the ExpressionAttributeValues that r stands at.
func wrongPlaceholder(r *strictjson.Reader) (message string) {
	if r.BeginObject() != nil {
		return ""
	}
	for {
		name, ok, err := r.NextName()
		if err != nil || !ok {
			return message
		}
		key := string(name)
		_, err = attribute.ReadValue(r, nil)
		if broken := ruleBroken(err); broken != "" && message == "" {
			message = "ExpressionAttributeValues contains invalid value: " + broken + " for key " + key
		}
	}
}

func ruleBroken(err error) string {
	var wrong *attribute.ValidationError
	if errors.As(err, &wrong) {
		return wrong.Message
	}
	return ""
}
