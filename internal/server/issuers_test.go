package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestIssuers: what --oidc-issuer takes, and that what is wrong is said before the server runs.
func TestIssuers(t *testing.T) {
	good, bad := filepath.Join(t.TempDir(), "good.json"), filepath.Join(t.TempDir(), "bad.json")
	// The key of RFC 7517, appendix A.1.
	set := `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`
	if err := errors.Join(os.WriteFile(good, []byte(set), 0o600), os.WriteFile(bad, []byte("{}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for given, ok := range map[string]bool{
		"https://id.example.com=" + good: true, "http://id.example.com=" + good: false, "https://id.example.com=" + bad: false,
		"https://id.example.com": false, "https://id.example.com=": false, "https://id.example.com=" + good + "x": false,
	} {
		c := &Config{OIDCIssuers: []string{given}}
		issuers, err := c.issuers()
		var wrong *ConfigError
		if ok != (err == nil) || err != nil && !errors.As(err, &wrong) || ok && len(issuers["https://id.example.com"]) != 1 {
			t.Errorf("%s: %v", given, err)
		}
	}
	c := &Config{OIDCIssuers: []string{"https://id.example.com=" + good, "https://id.example.com=" + good}}
	if _, err := c.issuers(); err == nil {
		t.Error("an issuer can be named twice")
	}
}
