package dynamodb

import (
	"errors"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/engine"
)

// createStream gives a table that is about to be created the stream that the request asks for.
func createStream(t *engine.Table, spec *dynamodbapi.StreamSpecification, settles time.Time) error {
	if spec == nil {
		return nil
	}
	enabled, view, err := readStream(spec, "Table is being created with")
	if err != nil || !enabled {
		return err
	}
	return t.EnableStream(view, t.Created, settles)
}

// changeStream enables or disables a table's stream. To change its view it must be disabled first.
func changeStream(t *engine.Table, spec *dynamodbapi.StreamSpecification, now, settles time.Time) error {
	if spec == nil {
		return nil
	}
	enabled, view, err := readStream(spec, "Table is being updated with")
	if err != nil {
		return err
	}
	if enabled {
		err = t.EnableStream(view, now, settles)
	} else {
		err = t.DisableStream(now, settles)
	}
	switch {
	case errors.Is(err, engine.ErrStreamEnabled):
		return invalid("Table already has an enabled stream: TableName: %s", t.Name.Table)
	case errors.Is(err, engine.ErrStreamDisabled):
		return invalid("Table already has a disabled stream: TableName: %s", t.Name.Table)
	}
	return err
}

func readStream(
	spec *dynamodbapi.StreamSpecification, doing string,
) (enabled bool, view engine.StreamView, err error) {
	enabled = *spec.StreamEnabled
	switch {
	case enabled && spec.StreamViewType == nil:
		return false, "", invalidParameter("%s a stream enabled, UpdateViewType should be specified", doing)
	case !enabled && spec.StreamViewType != nil:
		return false, "", invalidParameter("%s a stream disabled, UpdateViewType should not be specified",
			doing)
	case !enabled:
		return false, "", nil
	}
	return true, engine.StreamView(*spec.StreamViewType), nil
}

// describeStream adds what a table's description says of its latest stream, which stays there while it can be
// read.
func describeStream(d *dynamodbapi.TableDescription, t *engine.Table, now time.Time) {
	s := t.LatestStream(now)
	if s == nil {
		return
	}
	d.LatestStreamLabel, d.LatestStreamArn = &s.Label, new(t.ARN+"/stream/"+s.Label)
	if s.Disabled.IsZero() {
		d.StreamSpecification = &dynamodbapi.StreamSpecification{StreamEnabled: new(true),
			StreamViewType: new(string(s.View))}
	}
}
