package keyring

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// teller runs the commands of transcripts. Keys and ciphertexts are called by names; ids and times are not printed.
type teller struct {
	*world
	scope Scope
	keys  map[string]*Key
	blobs map[string][]byte
}

func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcript", func(t *testing.T, path string) {
		s := &teller{world: newWorld(t), scope: east, keys: map[string]*Key{}, blobs: map[string][]byte{}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := s.run(t, d)
			if err != nil {
				out = fmt.Sprintf("error (%s): %s", KindOf(err), err)
			}
			return s.hideIDs(out) + "\n"
		})
	})
}

func (s *teller) hideIDs(out string) string {
	for name, key := range s.keys {
		out = strings.ReplaceAll(out, key.ID(), "<"+name+">")
		for i, v := range key.Metadata().Versions {
			out = strings.ReplaceAll(out, v.MaterialID, fmt.Sprintf("<%s.%d>", name, i+1))
		}
	}
	return out
}

func arg(t *testing.T, d *datadriven.TestData, name string) (value string) {
	d.MaybeScanArgs(t, name, &value)
	return value
}

func number(t *testing.T, d *datadriven.TestData, name string) (n int) {
	d.MaybeScanArgs(t, name, &n)
	return n
}

// key finds what id=… names, as an API call would; names of the transcript stand for key ids.
func (s *teller) key(t *testing.T, d *datadriven.TestData) (*Key, error) {
	id := arg(t, d, "id")
	for name, key := range s.keys {
		id = strings.ReplaceAll(id, "<"+name+">", key.ID())
	}
	return s.Resolve(s.scope, id, KeyOrAlias)
}

func (s *teller) run(t *testing.T, d *datadriven.TestData) (string, error) {
	ctx := context.Background()
	switch d.Cmd {
	case "scope":
		s.scope = Scope{Account: arg(t, d, "account"), Region: arg(t, d, "region")}
		return "ok", nil
	case "create":
		return s.create(ctx, t, d)
	case "managed":
		key, err := s.Managed(ctx, s.scope, arg(t, d, "service"))
		if err != nil {
			return "", err
		}
		s.keys[arg(t, d, "name")] = key
		return describe(key), nil
	case "advance":
		s.clock.Advance(time.Duration(number(t, d, "days")) * 24 * time.Hour)
		return "ok", nil
	case "restart":
		return "ok", s.restart(t)
	case "keys":
		page, more := s.Keys(s.scope, "", 1000)
		return fmt.Sprintf("%d keys, more %v", len(page), more), nil
	case "aliases":
		return s.listAliases(), nil
	case "create-alias", "update-alias", "delete-alias":
		return "ok", s.alias(ctx, t, d)
	case "decrypt":
		return s.decrypt(t, d)
	}
	key, err := s.key(t, d)
	if err != nil {
		return "", err
	}
	return s.onKey(ctx, t, d, key)
}

func (s *teller) onKey(ctx context.Context, t *testing.T, d *datadriven.TestData, key *Key) (string, error) {
	switch d.Cmd {
	case "describe":
		return describe(key), nil
	case "enable":
		return "ok", s.Enable(ctx, key)
	case "disable":
		return "ok", s.Disable(ctx, key)
	case "schedule-deletion":
		return "ok", s.ScheduleDeletion(ctx, key, number(t, d, "days"))
	case "cancel-deletion":
		return "ok", s.CancelDeletion(ctx, key)
	case "enable-rotation":
		return "ok", s.EnableRotation(ctx, key, cmp.Or(number(t, d, "days"), DefaultRotationPeriod))
	case "disable-rotation":
		return "ok", s.DisableRotation(ctx, key)
	case "rotate":
		return "ok", s.RotateNow(ctx, key)
	case "rotations":
		return rotations(key), nil
	case "encrypt":
		sealed, err := s.Encrypt(key, []byte(arg(t, d, "text")), contextArg(t, d))
		s.blobs[arg(t, d, "blob")] = sealed.Blob
		return "material " + sealed.MaterialID, err
	case "put-policy":
		return "ok", s.SetPolicy(ctx, key, d.Input)
	case "tag":
		return "ok", s.Tag(ctx, key, tagArgs(d))
	case "last-use":
		use, ok := key.LastUse()
		return fmt.Sprintf("%s %v", use.Operation, ok), nil
	}
	t.Fatalf("unknown command %q", d.Cmd)
	return "", nil
}

func (s *teller) create(ctx context.Context, t *testing.T, d *datadriven.TestData) (string, error) {
	key, err := s.Create(ctx, NewKey{
		Scope: s.scope, Spec: Spec(arg(t, d, "spec")), Usage: Usage(arg(t, d, "usage")), Origin: Origin(arg(t, d, "origin")),
		Description: arg(t, d, "description"), MultiRegion: d.HasArg("multi-region"), Policy: d.Input,
	})
	if err != nil {
		return "", err
	}
	s.keys[arg(t, d, "name")] = key
	return describe(key), nil
}

func describe(key *Key) string {
	m := key.Metadata()
	out := fmt.Sprintf("%s %s %s %s %s, material %s, manager %s", m.ARN(), m.State, m.Spec, m.Usage, m.Origin,
		m.CurrentMaterial(), m.Manager)
	if m.MultiRegion != nil {
		out += ", primary in " + m.MultiRegion.Primary
	}
	if r := m.RotationStatus(); r.Enabled {
		out += fmt.Sprintf(", rotates every %d days", r.Period)
	}
	for _, tag := range m.Tags {
		out += ", " + tag.Key + "=" + tag.Value
	}
	return out
}

func rotations(key *Key) string {
	var out []string
	for _, v := range key.Metadata().Versions {
		out = append(out, strings.TrimSpace(v.MaterialID+" "+string(v.Type)))
	}
	return strings.Join(out, "\n")
}

func (s *teller) alias(ctx context.Context, t *testing.T, d *datadriven.TestData) error {
	name := arg(t, d, "alias")
	if d.Cmd == "delete-alias" {
		return s.DeleteAlias(ctx, s.scope, name, nil)
	}
	key, err := s.key(t, d)
	if err != nil {
		return err
	}
	if d.Cmd == "create-alias" {
		return s.CreateAlias(ctx, s.scope, name, key)
	}
	return s.UpdateAlias(ctx, s.scope, name, nil, key)
}

func (s *teller) listAliases() string {
	page, _ := s.Aliases(s.scope, nil, "", 100)
	out := []string{fmt.Sprintf("%d aliases", len(page))}
	for _, a := range page {
		out = append(out, a.ARN()+" -> "+a.Target)
	}
	return strings.Join(out, "\n")
}

func (s *teller) decrypt(t *testing.T, d *datadriven.TestData) (string, error) {
	blob := s.blobs[arg(t, d, "blob")]
	key, err := s.KeyOf(s.scope.Region, blob, nil)
	if err == nil && d.HasArg("id") {
		key, err = s.key(t, d)
	}
	if err != nil {
		return "", err
	}
	opened, err := s.Decrypt(key, blob, contextArg(t, d))
	return string(opened.Plaintext) + " by " + opened.MaterialID, err
}

func contextArg(t *testing.T, d *datadriven.TestData) Context {
	if name, value, ok := strings.Cut(arg(t, d, "context"), ":"); ok {
		return Context{name: value}
	}
	return nil
}

func tagArgs(d *datadriven.TestData) (tags []Tag) {
	for line := range strings.Lines(d.Input) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		tags = append(tags, Tag{Key: name, Value: value})
	}
	return tags
}

// restart closes the keyring and opens it at the same time of the clock. Keys are looked up anew; those that are gone stay known
// to the transcript by what they were.
func (s *teller) restart(t *testing.T) error {
	s.later(t, s.clock.Offset())
	for name, key := range s.keys {
		if found, err := s.Resolve(key.Scope(), key.ID(), KeyOnly); err == nil {
			s.keys[name] = found
		}
	}
	return nil
}
