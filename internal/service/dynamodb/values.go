package dynamodb

import (
	"errors"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// checkedFirst gives an operation a check that goes before the model's, where DynamoDB has words of its own
// for what breaks the model.
func checkedFirst[In, Out any](op api.Operation[In, Out], check func(in *In) error) api.Operation[In, Out] {
	validate := op.Validate
	op.Validate = func(in *In) error {
		if err := check(in); err != nil {
			return err
		}
		return validate(in)
	}
	return op
}

// reads gives an operation DynamoDB's words for attribute values that break a rule, and DynamoDB's order:
// what is malformed goes first, then members that break the model, then the values, although they are checked
// while the request is read.
func reads[In, Out any](op api.Operation[In, Out]) api.Operation[In, Out] {
	read, validate := op.Read, op.Validate
	op.Validate = func(in *In) error { return longName(validate(in)) }
	op.Read = func(r *strictjson.Reader, in *In) error {
		before := *r
		err := read(r, in)
		if ruleBroken(err) == "" {
			return malformed(err)
		}
		rest := new(In)
		body, bodyErr := withoutValues(before)
		if bodyErr != nil {
			return bodyErr
		}
		switch restErr := read(strictjson.NewReader(body), rest); {
		case ruleBroken(restErr) != "":
		case restErr != nil:
			return malformed(restErr)
		default:
			if broken := validate(rest); broken != nil {
				return broken
			}
		}
		return valueRefusal(err, before)
	}
	return op
}

// longName gives DynamoDB's words to a name in ExpressionAttributeNames that is longer than the model allows:
// those of a name in an item, which do not repeat it.
func longName(err error) error {
	var broken *api.Error
	if errors.As(err, &broken) && strings.Contains(broken.Message, "xpressionAttributeNames'") &&
		strings.Contains(broken.Message, "Member must have length less than or equal to 65535") {
		return invalid("Attribute name is too large, must be less than 65536 bytes")
	}
	return err
}

// withoutValues is the request with the attribute values of its own members left out.
func withoutValues(r strictjson.Reader) ([]byte, error) {
	if err := r.BeginObject(); err != nil {
		return nil, err
	}
	body := []byte{'{'}
	for {
		name, ok, err := r.NextName()
		if err != nil {
			return nil, err
		}
		if !ok {
			return append(body, '}'), r.End()
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		holdsValues := isItem(name) || string(name) == placeholders
		body = append(strictjson.AppendString(body, string(name)), ':')
		value, err := r.ReadRaw()
		if err != nil {
			return nil, err
		}
		if holdsValues && value[0] == '{' {
			value = []byte("{}")
		}
		body = append(body, value...)
	}
}

const (
	startKey     = "ExclusiveStartKey"
	placeholders = "ExpressionAttributeValues"
)

func isItem(name []byte) bool {
	return string(name) == "Item" || string(name) == "Key" || string(name) == startKey
}

// malformed words JSON that spells no attribute value. Other errors pass as they are.
func malformed(err error) error {
	var wrong *attribute.SerializationError
	if errors.As(err, &wrong) {
		return &api.Error{Code: "SerializationException", Message: wrong.Message}
	}
	return err
}

// valueRefusal words an attribute value that breaks a rule. before is the request, unread.
func valueRefusal(err error, before strictjson.Reader) error {
	if message := locateWrongValue(&before); message != "" {
		return invalid("%s", message)
	}
	return invalid("%s", ruleBroken(err))
}

// locateWrongValue reads the request once more, because DynamoDB says of some members which one the wrong
// value is in.
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
		case string(name) == startKey:
			message = wrongItem(r)
			if message != "" {
				message = "The provided starting key is invalid: " + message
			}
		case isItem(name):
			message = wrongItem(r)
		case string(name) == placeholders:
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

// wrongPlaceholder is what is wrong with the first wrong value of the ExpressionAttributeValues that r stands
// at.
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
