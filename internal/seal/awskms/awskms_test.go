package awskms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/seal/awskms"
	"github.com/sealtable/sealtable/internal/server"
)

// vault is another Sealtable, whose KMS keys seal keyrings.
type vault struct {
	t   *testing.T
	url string
}

func newVault(t *testing.T) *vault {
	t.Helper()
	dir := t.TempDir()
	s, err := server.Open(context.Background(), server.Config{
		DataDir: filepath.Join(dir, "data"), ConfigDir: filepath.Join(dir, "config"), Listen: []string{"127.0.0.1:0"},
		Account: "123456789012",
		Region:  "eu-central-1", KeyCacheLifetime: time.Minute, KeySweep: time.Minute, ArchiveAfter: time.Hour, Open: true,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("AWS_ACCESS_KEY_ID", "vault")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "vault")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	return &vault{t, "http://" + s.Addresses()[0]}
}

func (v *vault) call(operation, body string) map[string]any {
	v.t.Helper()
	req, err := http.NewRequest(http.MethodPost, v.url+"/", strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	now := time.Now().UTC()
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService."+operation)
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=test/%s/eu-central-1/kms/aws4_request, "+
		"SignedHeaders=host;x-amz-date;x-amz-target, Signature=%064d", now.Format("20060102"), 0))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %d %s %v", operation, res.StatusCode, answer, err)
	}
	var out map[string]any
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &out); err != nil {
			v.t.Fatal(err)
		}
	}
	return out
}

func (v *vault) createKey() (id, arn string) {
	made := v.call("CreateKey", `{}`)["KeyMetadata"].(map[string]any)
	return made["KeyId"].(string), made["Arn"].(string)
}

func (v *vault) options(arn string) seal.Options {
	return seal.Options{External: func(seal.Kind) (seal.Wrapper, error) {
		return awskms.New(awskms.Options{KeyARN: arn, Endpoint: v.url}), nil
	}}
}

// TestKeyringUnderKMS seals a keyring by a key of another installation, and opens it without being told which.
func TestKeyringUnderKMS(t *testing.T) {
	v := newVault(t)
	id, arn := v.createKey()
	dir := filepath.Join(t.TempDir(), "config")
	o := v.options(arn)
	o.Seal = seal.AWSKMS
	root, err := seal.Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	installation := root.InstallationID()
	if err := errors.Join(root.Rotate(), root.Close()); err != nil {
		t.Fatal(err)
	}
	open := func() error {
		root, err := seal.Open(dir, v.options(""))
		if err == nil {
			err = root.Close()
		}
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	v.call("DisableKey", fmt.Sprintf(`{"KeyId":%q}`, id))
	if err := open(); !errors.Is(err, seal.ErrUnavailable) || !strings.Contains(err.Error(), "DisabledException") {
		t.Errorf("under a disabled key: %v", err)
	}
	v.call("EnableKey", fmt.Sprintf(`{"KeyId":%q}`, id))
	away := *v
	away.url = "http://127.0.0.1:1"
	if _, err := seal.Open(dir, away.options("")); !errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("with nobody there: %v", err)
	}
	root, err = seal.Open(dir, v.options(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(root.Rewrap(seal.Options{Seal: seal.File}), root.Close()); err != nil {
		t.Fatal(err)
	}
	root, err = seal.Open(dir, seal.Options{})
	if err != nil || root.InstallationID() != installation {
		t.Fatal("back under a file:", err)
	}
	if err := root.Close(); err != nil {
		t.Error(err)
	}
}

func TestBoundToTheInstallation(t *testing.T) {
	v := newVault(t)
	_, arn := v.createKey()
	w := awskms.New(awskms.Options{KeyARN: arn, Endpoint: v.url})
	key := bytes.Repeat([]byte{7}, 32)
	params, err := w.Wrap(key, seal.ID{1})
	if err != nil {
		t.Fatal(err)
	}
	if back, err := w.Unwrap(params, seal.ID{1}); err != nil || !bytes.Equal(back, key) {
		t.Fatal(err)
	}
	if _, err := w.Unwrap(params, seal.ID{2}); err == nil || errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("for another installation: %v", err)
	}
	for at := 0; at < len(params); at += 5 {
		torn := bytes.Clone(params)
		torn[at] ^= 1
		if _, err := w.Unwrap(torn, seal.ID{1}); err == nil {
			t.Errorf("it opens with byte %d changed", at)
		}
	}
	for _, wrong := range []string{"", "alias/x", "arn:aws:s3:::bucket", "arn:aws:kms:eu-central-1:123456789012:alias/x"} {
		if _, err := awskms.New(awskms.Options{KeyARN: wrong, Endpoint: v.url}).Wrap(key, seal.ID{1}); err == nil {
			t.Errorf("%q is taken for a key", wrong)
		}
	}
}
