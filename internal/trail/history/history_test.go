package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/trail"
)

// world is a data directory with a trail and nothing else.
type world struct {
	t       *testing.T
	dir     string
	clock   *clock.Clock
	history *History
	damage  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), clock: clock.New()}
	arena := lockedmem.NewArena(func(error) {})
	root, err := seal.Create(filepath.Join(t.TempDir(), "config"), seal.Options{Memory: arena})
	if err != nil {
		t.Fatal(err)
	}
	w.history, err = Open(w.dir, root, arena, func(path string, _ error) { w.damage = append(w.damage, filepath.Base(path)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.clock.Close()
		if err := errors.Join(w.history.Close(), root.Close(), arena.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// record writes a file with these requests.
func (w *world) record(ids ...string) {
	w.t.Helper()
	log, err := trail.Open(trail.Options{FS: w.history.fs, Dir: w.history.dir, Clock: w.clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range ids {
		log.Record(call("lambda", "Get"+id, true))
		if err := log.Flush(); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// call is a call of an operation, of the root user or of somebody without rights.
func call(name, operation string, allowed bool) service.Record {
	needs := new(auth.Needs)
	needs.Add(auth.Need{Action: name + ":" + operation, Resource: "*"})
	if allowed {
		needs.Grant()
	}
	return service.Record{Service: name, Operation: operation, Caller: &auth.Caller{Type: auth.Root}, Needs: needs}
}

// TestSeriesAreReadAsOne makes calls of all classes in turn, a second apart.
func TestSeriesAreReadAsOne(t *testing.T) {
	w := newWorld(t)
	var want []string
	for start := range 3 {
		log, err := trail.Open(trail.Options{FS: w.history.fs, Dir: w.history.dir, Clock: w.clock, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 9 {
			record := []service.Record{
				call("dynamodb", fmt.Sprintf("Get%d%d", start, n), true), call("kms", fmt.Sprintf("Disable%d%d", start, n), true),
				call("kms", fmt.Sprintf("Denied%d%d", start, n), false),
			}[n%3]
			want = append(want, strings.TrimPrefix(record.Operation, "Get"))
			log.Record(record)
			if err := log.Flush(); err != nil {
				t.Fatal(err)
			}
			w.clock.Advance(time.Second)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.read(); got != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// names takes lines to the operations in them.
func names(into *[]string) func([]byte) error {
	return func(line []byte) error {
		r, err := Parse(line)
		if err == nil {
			*into = append(*into, strings.TrimPrefix(r.EventName, "Get"))
		}
		return err
	}
}

func (w *world) read() string {
	w.t.Helper()
	var got []string
	if err := w.history.Read(w.t.Context(), names(&got)); err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprint(got)
}

func TestReadInOrder(t *testing.T) {
	w := newWorld(t)
	if got := w.read(); got != "[]" {
		t.Error("without a trail:", got)
	}
	w.record("a", "b")
	w.record("c")
	w.record("d", "e")
	if got := w.read(); got != "[a b c d e]" {
		t.Error(got)
	}
	path := filepath.Join(w.history.dir, "trail-0000000001.zst")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[70] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := w.read(); got != "[c d e]" || fmt.Sprint(w.damage) != "[trail-0000000001.zst]" {
		t.Error("with a damaged file:", got, w.damage)
	}
}

// TestFollow goes on with a file that grows and with files that are begun.
func TestFollow(t *testing.T) {
	w := newWorld(t)
	w.record("a")
	var got []string
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	reached := errors.New("reached the end")
	visit := func(line []byte) error {
		if err := names(&got)(line); err != nil || got[len(got)-1] != "end" {
			return err
		}
		return reached
	}
	var before string
	written := make(chan struct{})
	err := w.history.Follow(ctx, visit, func() error {
		before = fmt.Sprint(got)
		go func() {
			defer close(written)
			w.record("b", "c")
			w.record()
			w.record("d", "end")
		}()
		return nil
	})
	<-written
	if !errors.Is(err, reached) || before != "[a]" || fmt.Sprint(got) != "[a b c d end]" {
		t.Errorf("%v then %v (%v)", before, got, err)
	}
	if err := w.history.Follow(canceled(t), visit, func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

const decrypt = `{"eventTime":"2026-03-01T10:00:00Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","awsRegion":"eu-west-1",
	"userIdentity":{"type":"AssumedRole","principalId":"AROAX:bob","arn":"arn:aws:sts::111122223333:assumed-role/Writer/bob",
	"accountId":"111122223333","accessKeyId":"ASIAX","invokedBy":"dynamodb.amazonaws.com"},"errorCode":"AccessDenied",
	"requestParameters":{"keyId":"alias/orders","encryptionContext":{"aws:dynamodb:tableName":"orders"}},
	"resources":[{"ARN":"arn:aws:kms:eu-west-1:444455556666:key/1234abcd"}],"recipientAccountId":"444455556666"}`

const query = `{"eventTime":"2026-03-01T10:00:00Z","eventSource":"dynamodb.amazonaws.com","eventName":"Query","awsRegion":"eu-west-1",
	"userIdentity":{"type":"Root","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"},"requestParameters":null,
	"resources":[{"ARN":"arn:aws:dynamodb:eu-west-1:111122223333:table/orders/index/by-day"}],"recipientAccountId":"111122223333"}`

func TestFilter(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	one := func(s ...string) []string { return s }
	for n, c := range []struct {
		filter         Filter
		decrypt, query bool
	}{
		{Filter{}, true, true},
		{Filter{Since: at("2026-03-01T10:00:00Z")}, true, true},
		{Filter{Since: at("2026-03-01T10:00:01Z")}, false, false},
		{Filter{Until: at("2026-03-01T10:00:00Z")}, false, false},
		{Filter{Until: at("2026-03-01T12:00:00+01:00")}, true, true},
		{Filter{Events: one("decrypt", "Encrypt")}, true, false},
		{Filter{Services: one("DynamoDB")}, false, true},
		{Filter{Services: one("dynamo")}, false, false},
		{Filter{Users: one("bob")}, true, false},
		{Filter{Users: one("Writer")}, true, false},
		{Filter{Users: one("Writer/bob")}, false, false},
		{Filter{Users: one("ASIAX")}, true, false},
		{Filter{Users: one("AROAX:bob")}, true, false},
		{Filter{Users: one("root")}, false, true},
		{Filter{Users: one("arn:aws:iam::111122223333:root")}, false, true},
		{Filter{Users: one("")}, false, false},
		{Filter{Keys: one("1234abcd")}, true, false},
		{Filter{Keys: one("34abcd")}, false, false},
		{Filter{Keys: one("alias/orders")}, true, false},
		{Filter{Keys: one("arn:aws:kms:eu-west-1:444455556666:key/1234abcd")}, true, false},
		{Filter{Tables: one("orders")}, true, true},
		{Filter{Tables: one("order")}, false, false},
		{Filter{Tables: one("arn:aws:dynamodb:eu-west-1:111122223333:table/orders")}, false, true},
		{Filter{Errors: one("*")}, true, false},
		{Filter{Errors: one("accessdenied")}, true, false},
		{Filter{Errors: one("Throttled")}, false, false},
		{Filter{Accounts: one("444455556666")}, true, false},
		{Filter{Accounts: one("111122223333")}, true, true},
		{Filter{Regions: one("eu-west-1"), Tables: one("orders"), Errors: one("*")}, true, false},
	} {
		for line, want := range map[string]bool{decrypt: c.decrypt, query: c.query} {
			r, err := Parse([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.filter.Wants(r); got != want {
				t.Errorf("%d: %+v wants %s: %t", n, c.filter, r.EventName, got)
			}
		}
	}
}
