package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/control"
	"github.com/sealtable/sealtable/internal/seal"
)

// rekeyed is a server with a table under a KMS key of its own for each of a few keys.
type rekeyed struct {
	*Server
	t    *testing.T
	keys int
}

func openAt(t *testing.T, data, config string, passphrase string) *Server {
	t.Helper()
	s, err := Open(context.Background(), Config{
		DataDir: data, ConfigDir: config, Listen: []string{"127.0.0.1:0"}, Account: "123456789012", Region: "us-east-1",
		KeyCacheLifetime: time.Minute, KeySweep: time.Hour, ArchiveAfter: time.Hour, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Passphrase: func() ([]byte, error) { return []byte(passphrase), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newRekeyed(t *testing.T, regions ...string) *rekeyed {
	t.Helper()
	dir := t.TempDir()
	r := &rekeyed{Server: openAt(t, filepath.Join(dir, "data"), filepath.Join(dir, "config"), ""), t: t, keys: len(regions)}
	for _, region := range regions { // each has an AWS managed key
		r.in(region, "CreateTable",
			`{"TableName":"orders","BillingMode":"PAY_PER_REQUEST","SSESpecification":{"Enabled":true,"SSEType":"KMS"},
			"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
		r.in(region, "PutItem", `{"TableName":"orders","Item":{"id":{"S":"first"}}}`)
	}
	return r
}

func (r *rekeyed) in(region, operation, input string) {
	r.t.Helper()
	if err := r.callIn(r.t, region, operation, input); err != nil {
		r.t.Fatalf("%s in %s: %v", operation, region, err)
	}
}

// present sees that an item can be read, from a server that was just started.
func (r *rekeyed) present(region, id string) {
	r.t.Helper()
	r.in(region, "UpdateItem", fmt.Sprintf(`{"TableName":"orders","Key":{"id":{"S":%q}},"ConditionExpression":"attribute_exists(id)",
		"UpdateExpression":"SET seen = :t","ExpressionAttributeValues":{":t":{"BOOL":true}}}`, id))
}

// endsAfter is a context that ends when it was asked so many times.
type endsAfter struct {
	context.Context
	left int
}

func (c *endsAfter) Err() error {
	c.left--
	if c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestRewrapCutShort kills the server after the new root key is durable and any number of keys was wrapped under it: all of it
// opens, and a second try does the rest.
func TestRewrapCutShort(t *testing.T) {
	regions := []string{"us-east-1", "eu-west-1", "ap-south-1"}
	for done := range len(regions) {
		t.Run(fmt.Sprint(done), func(t *testing.T) {
			r := newRekeyed(t, regions...)
			if _, err := r.rewrap(&endsAfter{t.Context(), done}); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			r.in(regions[0], "PutItem", `{"TableName":"orders","Item":{"id":{"S":"second"}}}`)
			crashed := &rekeyed{Server: r.copied(), t: t}
			for _, region := range regions {
				crashed.present(region, "first")
			}
			crashed.present(regions[0], "second")
			if change, err := crashed.rewrap(t.Context()); err != nil || change.Keys != len(regions) || change.Version != 3 {
				t.Errorf("%+v %v", change, err)
			}
			if err := errors.Join(crashed.Close(), r.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// copied opens a copy of the directories of a server that is idle, as a crash would leave them.
func (r *rekeyed) copied() *Server {
	r.t.Helper()
	dir := r.t.TempDir()
	for from, to := range map[string]string{r.config.DataDir: "data", r.config.ConfigDir: "config"} {
		err := filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(from, path)
			target := filepath.Join(dir, to, rel)
			switch {
			case entry.IsDir():
				return os.MkdirAll(target, 0o700)
			case entry.Name() == "LOCK": // closing a copy of it would give the server's lock up
				return os.WriteFile(target, nil, 0o600)
			case !entry.Type().IsRegular():
				return nil
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, content, 0o600)
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return openAt(r.t, filepath.Join(dir, "data"), filepath.Join(dir, "config"), "")
}

// TestRekeyUnderLoad rotates, wraps anew and changes the seal while writers write: no call fails, and all that was answered is there
// after a start under the new seal.
func TestRekeyUnderLoad(t *testing.T) {
	regions := []string{"us-east-1", "eu-west-1"}
	r := newRekeyed(t, regions...)
	stop, written := make(chan struct{}), make([]int, len(regions))
	var writers sync.WaitGroup
	for n, region := range regions {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				input := fmt.Sprintf(`{"TableName":"orders","Item":{"id":{"S":"%d"}}}`, written[n])
				if err := r.callIn(t, region, "PutItem", input); err != nil {
					t.Errorf("while keys change: %v", err)
					return
				}
				written[n]++
			}
		})
	}
	for _, passphrase := range []string{"first one", "second one", "third one"} {
		r.do(control.Rotate, nil)
		r.do(control.Rewrap, nil)
		made, err := r.root.MakeSeal(seal.Options{Seal: seal.Passphrase,
			Passphrase: func() ([]byte, error) { return []byte(passphrase), nil }})
		if err != nil {
			t.Fatal(err)
		}
		body, err := control.EncodeSeal(made)
		if err != nil {
			t.Fatal(err)
		}
		made.Destroy()
		r.do(control.Seal, body)
	}
	close(stop)
	writers.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again := &rekeyed{Server: openAt(t, r.config.DataDir, r.config.ConfigDir, "third one"), t: t}
	for n, region := range regions {
		if written[n] == 0 {
			t.Errorf("nothing was written in %s", region)
		}
		for id := range written[n] {
			again.present(region, fmt.Sprint(id))
		}
	}
	if versions := again.root.Status().Versions; len(versions) != 7 {
		t.Errorf("%d root keys, want 7", len(versions))
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// do makes a request over the socket, as the command line does.
func (r *rekeyed) do(operation string, body []byte) {
	r.t.Helper()
	client, err := control.Dial(r.config.ConfigDir)
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	key, err := r.root.InstallationKey(seal.Control)
	if err != nil {
		r.t.Fatal(err)
	}
	defer key.Destroy()
	if err := client.Do(operation, key, body, nil); err != nil {
		r.t.Fatalf("%s: %v", operation, err)
	}
}
