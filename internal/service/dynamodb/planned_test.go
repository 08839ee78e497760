package dynamodb

import (
	"context"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// between is an authorizer that permits everything, and does something before the first call that it permits is run.
type between struct{ do func() }

func (b *between) Authorize(_ context.Context, _ *auth.Caller, needs *auth.Needs) error {
	if do := b.do; do != nil && len(needs.All()) > 0 {
		b.do = nil
		do()
	}
	return nil
}

// TestWhatWasPermittedIsWhatRuns: a table that is dropped and made anew after permission was given is another table, which no call reads,
// writes or changes that was permitted on the old one.
func TestWhatWasPermittedIsWhatRuns(t *testing.T) {
	s := emptyService(t)
	s.keys = lenient{}
	b := &between{}
	operations := s.Table(&service.Path{Authorizer: b, Recorder: forgetful{}})
	caller := &auth.Caller{Account: "123456789012", Region: "eu-west-1"}
	id := byte(1)
	renew := func() {
		id++
		if old, err := s.engine.Table(engine.Name{Account: caller.Account, Region: caller.Region, Table: "orders"}); err == nil {
			if err := s.engine.DeleteTable(t.Context(), old.Name, old.ID); err != nil {
				t.Fatal(err)
			}
		}
		addTable(t, s, "orders", id, attribute.S, attribute.N)
	}
	call := func(operation, body string) error {
		op, ok := operations.Lookup(operation)
		if !ok {
			t.Fatal(operation)
		}
		answer, err := op.ServeJSON(t.Context(), caller, strictjson.NewReader([]byte(body)), nil)
		if strings.Contains(string(answer), `"Code":"ResourceNotFound"`) { // of a statement in a batch
			return engine.ErrNoTable
		}
		return err
	}
	const arn = `"ResourceArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/orders"`
	calls := append([]struct {
		operation, body string
		most            float64
	}{
		{operation: "UpdateTable", body: `{"TableName":"orders","DeletionProtectionEnabled":true}`},
		{operation: "DeleteTable", body: `{"TableName":"orders"}`},
		{operation: "UpdateTimeToLive", body: `{"TableName":"orders","TimeToLiveSpecification":{"AttributeName":"ttl","Enabled":true}}`},
		{operation: "TagResource", body: `{` + arn + `,"Tags":[{"Key":"k","Value":"v"}]}`},
		{operation: "PutResourcePolicy",
			body: `{` + arn + `,"ConfirmRemoveSelfResourceAccess":true,"Policy":"{\"Version\":\"2012-10-17\",` +
				`\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"123456789012\"},\"Action\":\"dynamodb:GetItem\",\"Resource\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/orders\"}}"}`},
	}, dataCalls...)
	for _, c := range calls {
		renew()
		b.do = renew
		err := call(c.operation, c.body)
		if code := service.CodeOf(err); code != "ResourceNotFoundException" && err != engine.ErrNoTable {
			t.Errorf("%s %s: %v", c.operation, c.body, err)
		}
	}
}
