package awskms_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/seal/awskms"
)

const keyARN = "arn:aws:kms:eu-central-1:123456789012:key/1"

// TestTheKeyDoesNotTravelInTheClear looks at what reaches a listener: endpoints off this machine are reached through a proxy here.
func TestTheKeyDoesNotTravelInTheClear(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer s.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("HTTP_PROXY", s.URL)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		flag, environment string
		refused           bool
	}{
		{flag: "http://vault.example", refused: true},
		{flag: "http://10.0.0.1:8000", refused: true},
		{flag: "http://localhost.example", refused: true},
		{flag: "HTTP://[2001:db8::1]", refused: true},
		{flag: "ftp://127.0.0.1", refused: true},
		{flag: "vault:8000", refused: true},
		{environment: "http://vault.example", refused: true},
		{flag: "http://127.0.0.1:" + port},
		{flag: "http://localhost:" + port},
	} {
		t.Setenv("AWS_ENDPOINT_URL_KMS", tt.environment)
		before := asked.Load()
		_, err := awskms.New(awskms.Options{KeyARN: keyARN, Endpoint: tt.flag}).Wrap(make([]byte, 32), seal.ID{1})
		if err == nil {
			t.Errorf("%q %q: no error", tt.flag, tt.environment)
			continue
		}
		clear := strings.Contains(err.Error(), "in the clear") || strings.Contains(err.Error(), "not the URL")
		if reached := asked.Load() != before; reached == tt.refused || clear != tt.refused {
			t.Errorf("%q %q: reached=%t: %v", tt.flag, tt.environment, reached, err)
		}
	}
}
