package server

import (
	"strings"
	"testing"
	"time"
)

func TestSettingsThatCannotBe(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"":                                       func(*Config) {},
		"is not an account id":                   func(c *Config) { c.Account = "12345678901x" },
		"go together":                            func(c *Config) { c.TLSKey = "key.pem" },
		"no address to listen on":                func(c *Config) { c.Listen = nil },
		"--listen here is not HOST:PORT":         func(c *Config) { c.Listen = []string{"here"} },
		"--listen 0.0.0.0:8000 can be reached":   func(c *Config) { c.Listen = []string{"0.0.0.0:8000"} },
		"--admin-listen :9090 can be reached":    func(c *Config) { c.AdminListen = ":9090" },
		"--trail-files -1 is less than none":     func(c *Config) { c.TrailFiles = -1 },
		"--key-cache-ttl -1s is in the past":     func(c *Config) { c.KeyCacheLifetime = -time.Second },
		"--key-sweep -1s is in the past":         func(c *Config) { c.KeySweep = -time.Second },
		"--archive-after -1h0m0s is in the past": func(c *Config) { c.ArchiveAfter = -time.Hour },
		"--transition -1s is in the past":        func(c *Config) { c.Transition = -time.Second },
	} {
		c := Config{Account: "123456789012", Listen: []string{"127.0.0.1:0", "localhost:0", "[::1]:0"}}
		change(&c)
		got := ""
		if err := c.check(); err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
