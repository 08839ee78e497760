package membercheck

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/api/kmsapi"
)

func config() Config {
	return Config{
		Service: "testdata/service", Shapes: "../kmsapi",
		ShapesPath: "github.com/sealtable/sealtable/internal/api/kmsapi",
		Operations: kmsapi.Operations(),
		Served:     []string{"CreateGrant", "CreateKey", "TagResource", "ListAliases"},
		Unsupported: map[string][]string{
			"CreateGrant": {"DryRun", "GrantTokens", "Constraints.SourceArn"},
			"CreateKey":   {"CustomKeyStoreId", "XksKeyId", "CustomerMasterKeySpec", "Colour"},
			"ListAliases": {"KeyId"},
		},
	}
}

// TestFindings runs the check on a small service that forgets some members and looks as if it read others.
func TestFindings(t *testing.T) {
	started := time.Now()
	findings, err := Check(config())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("took %v", time.Since(started))
	var got []string
	for _, f := range findings {
		got = append(got, f.String())
	}
	want := []string{
		"CreateGrant: Constraints.EncryptionContextSubset is neither read nor listed as unsupported",
		"CreateGrant: Name is neither read nor listed as unsupported",
		"CreateGrant: Constraints.SourceArn is listed as unsupported, but there is no such member",
		"CreateKey: BypassPolicyLockoutSafetyCheck is neither read nor listed as unsupported",
		"CreateKey: Origin is neither read nor listed as unsupported",
		"CreateKey: Colour is listed as unsupported, but there is no such member",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMistakesInTheConfigAreErrors(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no service":   func(c *Config) { c.Service = "testdata/nothing" },
		"no shapes":    func(c *Config) { c.Shapes = "testdata/nothing" },
		"no operation": func(c *Config) { c.Served = []string{"CreateKet"} },
	} {
		c := config()
		spoil(&c)
		if _, err := Check(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
