package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/seal"
)

// Config is how a server is set up. The command line, the environment and the file of settings fill it in.
type Config struct {
	DataDir   string
	ConfigDir string

	Listen         []string // HOST:PORT; port 0 takes a free one
	AdminListen    string   // metrics and profiles; empty for none
	TLSCert        string
	TLSKey         string
	InsecureListen bool // plain HTTP on an address that is not loopback

	Seal       seal.Kind
	Passphrase func() ([]byte, error)
	// External gives what the seals by an HSM or a KMS need; nil means that there are none.
	External func(kind seal.Kind, pin func() ([]byte, error)) (seal.Wrapper, error)
	// WaitForUnseal has a server start sealed when its root key is not available yet, rather than fail.
	// Passphrase is then asked again and again, and must not ask anybody.
	WaitForUnseal bool

	Account string // 12 digits: whose root key the credentials are
	Region  string // printed in exports; requests name their own

	KeyCacheLifetime time.Duration
	KeySweep         time.Duration
	ArchiveAfter     time.Duration
	Transition       time.Duration

	// TrailFiles is how many files of 64 MiB the trail keeps; 0 stands for 16.
	TrailFiles int
	// EnforceThroughput holds tables to their provisioned throughput and their limits of on-demand
	// throughput.
	EnforceThroughput bool
	// OIDCIssuers are URL=FILE: issuers of ID tokens, and the files of the keys that verify them.
	OIDCIssuers []string

	// AllowOrigins are the origins, such as https://app.example.com, of web pages that may call a server
	// which is Open, beside those of this machine.
	AllowOrigins []string
	// Open accepts unknown access keys without checking the signature, and lets the clock be moved:
	// `sealtable dev`.
	Open bool

	Version string
	Log     *slog.Logger
}

// A ConfigError says which flag is wrong, and how.
type ConfigError struct{ cause error }

func (e *ConfigError) Error() string { return e.cause.Error() }
func (e *ConfigError) Unwrap() error { return e.cause }

func (c *Config) check() error {
	if len(c.Account) != 12 || strings.Trim(c.Account, "0123456789") != "" {
		return fmt.Errorf("--account %q is not an account id of 12 digits", c.Account)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if len(c.Listen) == 0 {
		return errors.New("there is no address to listen on: give --listen HOST:PORT")
	}
	for _, address := range c.Listen {
		if err := c.checkAddress(address); err != nil {
			return err
		}
	}
	if c.TrailFiles < 0 {
		return fmt.Errorf("--trail-files %d is less than none", c.TrailFiles)
	}
	if err := errors.Join(c.checkDurations(), c.checkOrigins()); err != nil {
		return err
	}
	if c.AdminListen != "" && !isLoopback(c.AdminListen) && !c.InsecureListen {
		return fmt.Errorf("--admin-listen %s can be reached from other machines: use a loopback address, "+
			"or say --insecure-listen", c.AdminListen)
	}
	return nil
}

func (c *Config) checkOrigins() error {
	for _, origin := range c.AllowOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme+"://"+u.Host != origin || u.Host == "" {
			return fmt.Errorf("--allow-origin %q is not an origin, such as https://app.example.com", origin)
		}
	}
	return nil
}

func (c *Config) checkDurations() error {
	for _, d := range []struct {
		flag  string
		given time.Duration
	}{
		{"--key-cache-ttl", c.KeyCacheLifetime}, {"--key-sweep", c.KeySweep},
		{"--archive-after", c.ArchiveAfter}, {"--transition", c.Transition},
	} {
		if d.given < 0 {
			return fmt.Errorf("%s %v is in the past", d.flag, d.given)
		}
	}
	return nil
}

func (c *Config) checkAddress(address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("--listen %s is not HOST:PORT", address)
	}
	if c.TLSCert == "" && !c.InsecureListen && !isLoopback(address) {
		return fmt.Errorf("--listen %s can be reached from other machines and has no TLS: give --tls-cert "+
			"and --tls-key, or say --insecure-listen", address)
	}
	return nil
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// wrappers are those of External, with the PIN from where passphrases come from.
func (c *Config) wrappers() func(seal.Kind) (seal.Wrapper, error) {
	if c.External == nil {
		return nil
	}
	return func(kind seal.Kind) (seal.Wrapper, error) { return c.External(kind, c.Passphrase) }
}
