package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func newProvider(url string) Provider {
	return Provider{Account: testAccount, URL: url, Clients: []string{"app"}, Tags: []Tag{{"team", "red"}}}
}

// TestProvidersLast: what is changed of providers is there after a restart, and what failed to be written never was.
func TestProvidersLast(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	p, err := w.CreateProvider(ctx, newProvider("id.example.com/a/b"))
	must(t, err)
	gone, err := w.CreateProvider(ctx, newProvider("other.example.com"))
	must(t, err)
	must(t, w.ChangeProvider(ctx, p, ProviderChange{AddClient: new("web"), Thumbprints: []string{"0"}, RemoveTags: []string{"TEAM"}}))
	must(t, w.DeleteProvider(ctx, gone))
	w.disk.broken = true
	if err := w.ChangeProvider(ctx, p, ProviderChange{RemoveClient: new("app")}); !errors.Is(err, errBroken) {
		t.Errorf("a change that was not written: %v", err)
	}
	w.disk.broken = false
	for _, when := range []string{"before", "after"} {
		list := w.Providers(testAccount)
		if len(list) != 1 || !slices.Equal(list[0].Clients, []string{"app", "web"}) || len(list[0].Tags) != 0 ||
			len(list[0].Thumbprints) != 1 {
			t.Fatalf("%s the restart: %+v", when, list)
		}
		if found, err := w.Provider("arn:aws:iam::111122223333:oidc-provider/id.example.com/a/b"); err != nil || found != list[0] {
			t.Errorf("%s the restart: %v, %v", when, found, err)
		}
		w.restart(t)
	}
	for _, name := range []string{
		"arn:aws:iam::444455556666:oidc-provider/id.example.com/a/b", "arn:aws:iam::111122223333:oidc-provider/other.example.com", "",
		"arn:aws:iam::111122223333:role/id.example.com/a/b", "arn:aws:sts::111122223333:oidc-provider/id.example.com/a/b",
	} {
		if _, err := w.Provider(name); err == nil {
			t.Errorf("%q names a provider", name)
		}
	}
}

// TestProviderRecordsStayInPlace: a record that lies where another belongs stops the start.
func TestProviderRecordsStayInPlace(t *testing.T) {
	w := newWorld(t)
	if _, err := w.CreateProvider(t.Context(), newProvider("id.example.com")); err != nil {
		t.Fatal(err)
	}
	const name = "oidc/" + testAccount + "/id.example.com"
	data := w.disk.copy()[name]
	for moved, content := range map[string][]byte{
		"oidc/444455556666/id.example.com": data, "oidc/" + testAccount + "/other.example.com": data,
		"oidc/" + testAccount + "/": []byte(`{"account":"111122223333"}`),
		name:                        []byte("{"),
	} {
		other := newWorld(t)
		other.disk.records[moved] = content
		must(t, other.Close())
		if err := other.open(); err == nil || !strings.Contains(err.Error(), moved) {
			t.Errorf("%s: %v", moved, err)
		}
		delete(other.disk.records, moved)
		must(t, other.open())
	}
}

func TestProviderLimits(t *testing.T) {
	w := newWorld(t)
	for i := range maxProviders {
		if _, err := w.CreateProvider(t.Context(), newProvider(fmt.Sprintf("id%d.example.com", i))); err != nil {
			t.Fatal(err)
		}
	}
	many := newProvider("one.example.com")
	if _, err := w.CreateProvider(t.Context(), many); err == nil {
		t.Error("there can be too many providers")
	}
	must(t, w.DeleteProvider(t.Context(), w.Providers(testAccount)[0]))
	many.Clients = make([]string, maxClients+1)
	if _, err := w.CreateProvider(t.Context(), many); err == nil {
		t.Error("a provider can have too many clients")
	}
	many.Clients, many.Thumbprints = nil, make([]string, maxThumbprints+1)
	if _, err := w.CreateProvider(t.Context(), many); err == nil {
		t.Error("a provider can have too many thumbprints")
	}
	many.Thumbprints, many.Tags = nil, []Tag{{"a", "1"}, {"A", "2"}}
	if _, err := w.CreateProvider(t.Context(), many); err == nil {
		t.Error("a provider can have two tags of one key")
	}
}
