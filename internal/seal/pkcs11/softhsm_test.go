//go:build pkcs11

package pkcs11

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/sealtable/sealtable/internal/seal"
)

// module is where Debian puts SoftHSM.
const module = "/usr/lib/softhsm/libsofthsm2.so"

// softToken makes a token with two AES keys in a fresh directory.
func softToken(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(module); err != nil {
		t.Skip("SoftHSM is not installed: apt-get install softhsm2")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nobjectstore.backend = file\nlog.level = ERROR\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "vault", "--pin", "123456", "--so-pin",
		"654321").CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v", out, err)
	}
	ctx := pkcs11.New(module)
	defer ctx.Destroy()
	check(t, ctx.Initialize())
	defer func() { check(t, ctx.Finalize()) }()
	slot, err := findToken(ctx, "vault")
	check(t, err)
	handle, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	check(t, err)
	check(t, ctx.Login(handle, pkcs11.CKU_USER, "123456"))
	for _, label := range []string{"root", "other"} {
		_, err := ctx.GenerateKey(handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
			pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		})
		check(t, err)
	}
	check(t, ctx.CloseSession(handle))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wrapper(t *testing.T, o Options) *Wrapper {
	t.Helper()
	if o.Module == "" {
		o.Module = module
	}
	w, err := New(o)
	check(t, err)
	return w
}

func pin(text string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(text), nil }
}

func TestSoftHSM(t *testing.T) {
	softToken(t)
	at := Options{Token: "vault", Key: "root", PIN: pin("123456")}
	key, id := bytes.Repeat([]byte{7}, 32), seal.ID{1}
	wrapped, err := wrapper(t, at).Wrap(key, id)
	check(t, err)
	if bytes.Contains(wrapped, key) {
		t.Fatal("the key is in the parameters")
	}
	if back, err := wrapper(t, Options{PIN: pin("123456")}).Unwrap(wrapped, id); err != nil || !bytes.Equal(back, key) {
		t.Fatalf("%v", err)
	}
	if _, err := wrapper(t, at).Unwrap(wrapped, seal.ID{2}); err == nil {
		t.Error("it opens for another installation")
	}
	for at := 1; at < len(wrapped); at += 7 {
		torn := bytes.Clone(wrapped)
		torn[at] ^= 1
		if _, err := wrapper(t, Options{PIN: pin("123456")}).Unwrap(torn, id); err == nil {
			t.Errorf("it opens with byte %d changed", at)
		}
	}
	for name, c := range map[string]struct {
		o    Options
		want error
	}{
		"wrong PIN": {Options{PIN: pin("111111")}, seal.ErrPassphrase},
		"no PIN":    {Options{}, seal.ErrPassphrase},
		"no module": {Options{Module: "/nowhere.so", PIN: pin("123456")}, seal.ErrUnavailable},
	} {
		if _, err := wrapper(t, c.o).Unwrap(wrapped, id); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []Options{{Token: "vault", Key: "missing", PIN: at.PIN}, {Token: "missing", Key: "root", PIN: at.PIN},
		{PIN: at.PIN}} {
		if _, err := wrapper(t, o).Wrap(key, id); err == nil {
			t.Errorf("%q %q wraps", o.Token, o.Key)
		}
	}
}

// TestKeyringInHSM keeps a keyring under the token, from its creation over a rotation to a change back to a file.
func TestKeyringInHSM(t *testing.T) {
	softToken(t)
	dir := filepath.Join(t.TempDir(), "config")
	o := seal.Options{Seal: seal.PKCS11, External: func(seal.Kind) (seal.Wrapper, error) {
		return New(Options{Module: module, Token: "vault", Key: "root", PIN: pin("123456")})
	}}
	root, err := seal.Create(dir, o)
	check(t, err)
	check(t, root.Rotate())
	record, err := root.Wrap("test", nil, []byte("secret"))
	check(t, err)
	check(t, root.Close())
	root, err = seal.Open(dir, o)
	check(t, err)
	key, err := root.Unwrap("test", nil, record)
	check(t, err)
	key.Destroy()
	check(t, root.Rewrap(seal.Options{Seal: seal.File}))
	check(t, root.Close())
	root, err = seal.Open(dir, seal.Options{})
	check(t, err)
	check(t, root.Close())
}
