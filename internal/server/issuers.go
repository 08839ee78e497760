package server

import (
	"fmt"
	"os"
	"strings"

	"github.com/sealtable/sealtable/internal/auth/oidc"
)

// issuers reads the keys of the issuers of ID tokens. Nothing is ever fetched: what an issuer publishes is
// the operator's to bring.
func (c *Config) issuers() (oidc.Issuers, error) {
	issuers := oidc.Issuers{}
	for _, given := range c.OIDCIssuers {
		url, file, ok := strings.Cut(given, "=")
		if !ok || !strings.HasPrefix(url, "https://") || file == "" {
			return nil, &ConfigError{fmt.Errorf("--oidc-issuer %q is not URL=FILE with an https URL", given)}
		}
		if _, twice := issuers[url]; twice {
			return nil, &ConfigError{fmt.Errorf("--oidc-issuer names %s twice: put all of its keys into "+
				"one file", url)}
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, &ConfigError{fmt.Errorf("--oidc-issuer %s: %w", url, err)}
		}
		if issuers[url], err = oidc.ReadKeys(data); err != nil {
			return nil, &ConfigError{fmt.Errorf("--oidc-issuer %s: %s: %w", url, file, err)}
		}
	}
	return issuers, nil
}
