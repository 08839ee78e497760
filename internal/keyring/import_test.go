package keyring

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
)

// wrapMaterial is what an owner of material does with the wrapping key.
func wrapMaterial(t testing.TB, public []byte, algorithm string, material []byte) []byte {
	t.Helper()
	parsed, err := x509.ParsePKIXPublicKey(public)
	must(t, err)
	key := parsed.(*rsa.PublicKey)
	oaep := func(data []byte) []byte {
		out, err := rsa.EncryptOAEP(hashOf(algorithm).New(), rand.Reader, key, data, nil)
		must(t, err)
		return out
	}
	if algorithm == wrapOAEPSHA1 || algorithm == wrapOAEPSHA256 {
		return oaep(material)
	}
	inner := bytes.Repeat([]byte{7}, 32)
	return append(oaep(inner), wrapPadded(t, inner, material)...)
}

// wrapPadded is AES key wrap with padding (RFC 5649, section 4.1).
func wrapPadded(t interface {
	Helper()
	Fatal(...any)
}, key, material []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	must(t, err)
	b := binary.BigEndian.AppendUint32([]byte{0xa6, 0x59, 0x59, 0xa6}, uint32(len(material)))
	b = append(b, material...)
	b = append(b, make([]byte, -len(material)&7)...)
	if len(b) == 16 {
		block.Encrypt(b, b)
		return b
	}
	n := len(b)/8 - 1
	for j := range 6 {
		for i := 1; i <= n; i++ {
			work := append(bytes.Clone(b[:8]), b[8*i:8*i+8]...)
			block.Encrypt(work, work)
			binary.BigEndian.PutUint64(b, binary.BigEndian.Uint64(work)^uint64(n*j+i))
			copy(b[8*i:], work[8:])
		}
	}
	return b
}

// TestRFC5649 are the vectors of RFC 5649, section 6.
func TestRFC5649(t *testing.T) {
	key := unhex(t, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
	for wrapped, want := range map[string]string{
		"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a": "c37b7e6492584340bed12207808941155068f738",
		"afbeb0f07dfbf5419200f2ccb50bb24f":                                 "466f7250617369",
	} {
		got, err := unwrapPadded(key, unhex(t, wrapped))
		must(t, err)
		if !bytes.Equal(got, unhex(t, want)) || !bytes.Equal(wrapPadded(t, key, got), unhex(t, wrapped)) {
			t.Errorf("got %x", got)
		}
	}
}

func TestUnwrapPaddedRefusesAllElse(t *testing.T) {
	key := bytes.Repeat([]byte{1}, 32)
	rapid.Check(t, func(t *rapid.T) {
		block, _ := aes.NewCipher(key)
		material := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "material")
		wrapped := wrapPadded(t, key, material)
		got, err := unwrapPadded(key, wrapped)
		if err != nil || !bytes.Equal(got, material) {
			t.Fatalf("%x does not come back: %v", material, err)
		}
		wrapped[rapid.IntRange(0, len(wrapped)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := unwrapPadded(key, wrapped); !errors.Is(err, errWrapped) {
			t.Fatal("a changed one is taken")
		}
		// A length or a padding that RFC 5649 does not allow, under the right key.
		short := []byte{0xa6, 0x59, 0x59, 0xa6, 0, 0, 0, byte(rapid.SampledFrom([]int{0, 9, 255}).Draw(t, "length")), 1, 2, 3, 4, 5, 6, 7,
			8}
		block.Encrypt(short, short)
		if _, err := unwrapPadded(key, short); !errors.Is(err, errWrapped) {
			t.Fatal("a wrong length is taken")
		}
		padded := []byte{0xa6, 0x59, 0x59, 0xa6, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8}
		block.Encrypt(padded, padded)
		if _, err := unwrapPadded(key, padded); !errors.Is(err, errWrapped) {
			t.Fatal("a padding that is not zero is taken")
		}
	})
}

func (w *world) newExternal(t testing.TB, spec Spec, usage Usage) *Key {
	t.Helper()
	key, err := w.Create(context.Background(), NewKey{Scope: east, Spec: spec, Usage: usage, Origin: OriginExternal})
	must(t, err)
	return key
}

func importInto(t testing.TB, k *Keyring, key *Key, algorithm string, material []byte, terms Imported) error {
	t.Helper()
	p, err := k.ParametersForImport(context.Background(), key, algorithm, "RSA_2048")
	must(t, err)
	_, err = k.ImportMaterial(context.Background(), key, Import{
		Token: p.Token, Wrapped: wrapMaterial(t, p.Public, algorithm, material), Terms: terms,
	})
	return err
}

// take takes material away.
func (w *world) take(key *Key, id string) error {
	_, err := w.DeleteMaterial(context.Background(), key, id)
	return err
}

var someMaterial = bytes.Repeat([]byte{0x5a}, 32)

// TestImports of every kind of key, by the ways that fit it, work and come back the same.
func TestImports(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		spec      Spec
		usage     Usage
		algorithm string
	}{
		{Symmetric, EncryptDecrypt, wrapOAEPSHA1}, {Symmetric, EncryptDecrypt, wrapOAEPSHA256},
		{"HMAC_384", GenerateMAC, wrapOAEPSHA256}, {"RSA_2048", SignVerify, wrapAESSHA256}, {"ECC_NIST_P256", SignVerify, wrapAESSHA1},
		{secgP256K1, SignVerify, wrapOAEPSHA256}, {edwards25519, SignVerify, wrapOAEPSHA256},
		{"ECC_NIST_P521", KeyAgreement, wrapAESSHA256},
	} {
		material, other := offer(t, c.spec), offer(t, c.spec)
		key := w.newExternal(t, c.spec, c.usage)
		must(t, importInto(t, w.Keyring, key, c.algorithm, material, Imported{}))
		id := key.Metadata().CurrentMaterial()
		must(t, w.take(key, ""))
		wantKind(t, importInto(t, w.Keyring, key, c.algorithm, other, Imported{}), WrongMaterial)
		wantKind(t, importInto(t, w.Keyring, key, c.algorithm, offer(t, "HMAC_224"), Imported{}), WrongMaterial)
		must(t, importInto(t, w.Keyring, key, c.algorithm, material, Imported{}))
		w.later(t, 0)
		key, err := w.Resolve(east, key.ID(), KeyOnly)
		must(t, err)
		if m := key.Metadata(); m.State != Enabled || m.CurrentMaterial() != id {
			t.Errorf("%s: %s with material %s, not %s", c.spec, m.State, m.CurrentMaterial(), id)
		}
		if c.usage == SignVerify {
			algorithm := key.Metadata().Algorithms()[0]
			_, err := w.Sign(key, algorithm, messagesFor(algorithm, []byte("x"))[0])
			must(t, err)
		}
	}
}

// offer is material that a key of spec may get.
func offer(t testing.TB, spec Spec) []byte {
	t.Helper()
	if size := spec.secretSize(); size > 0 {
		b := make([]byte, size)
		Random(b)
		return b
	}
	private, err := generatePrivate(spec)
	must(t, err)
	der, err := marshalPrivate(private)
	must(t, err)
	return der
}

// TestImportedMaterialExpires at its time, while the program runs or at the next start, and whatever the key's state.
func TestImportedMaterialExpires(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	soon := func() Imported { return Imported{ValidTo: w.clock.Now().Add(time.Hour)} }
	running := w.newExternal(t, "", "")
	disabled := w.newExternal(t, "", "")
	sleeping := w.newExternal(t, "", "")
	for _, key := range []*Key{running, disabled} {
		must(t, importInto(t, w.Keyring, key, wrapOAEPSHA256, someMaterial, soon()))
	}
	blob := w.encrypt(t, running, "x", nil)
	must(t, w.Disable(ctx, disabled))
	w.clock.Advance(time.Hour)
	for _, key := range []*Key{running, disabled} {
		if state := key.Metadata().State; state != PendingImport {
			t.Errorf("state %s", state)
		}
		if _, err := w.disk.Stat("keys/" + key.ID()); err == nil {
			t.Error("the file is left")
		}
	}
	_, err := w.Decrypt(running, blob, nil)
	wantKind(t, err, InvalidState)
	if stats := w.arena.Stats(); stats.Keys != 0 {
		t.Errorf("%d bare keys are left in memory", stats.Keys)
	}
	must(t, importInto(t, w.Keyring, running, wrapOAEPSHA256, someMaterial, Imported{}))
	_, err = w.Decrypt(running, blob, nil)
	must(t, err)
	must(t, importInto(t, w.Keyring, sleeping, wrapOAEPSHA256, someMaterial, soon()))
	w.later(t, w.clock.Offset()+2*time.Hour)
	sleeping, err = w.Resolve(east, sleeping.ID(), KeyOnly)
	must(t, err)
	if state := sleeping.Metadata().State; state != PendingImport {
		t.Errorf("state %s after the start", state)
	}
}

// TestExpiredMaterialIsOfNoUseWhileTheDiskFails: tables under the key close in time (P2), whether or not anything can be written.
func TestExpiredMaterialIsOfNoUseWhileTheDiskFails(t *testing.T) {
	w := newWorld(t)
	key, disabled := w.newExternal(t, "", ""), w.newExternal(t, "", "")
	for _, k := range []*Key{key, disabled} {
		must(t, importInto(t, w.Keyring, k, wrapOAEPSHA256, someMaterial, Imported{ValidTo: w.clock.Now().Add(time.Hour)}))
	}
	must(t, w.Disable(context.Background(), disabled))
	blob := w.encrypt(t, key, "x", nil)
	w.records.fail = errors.New("disk full")
	w.clock.Advance(time.Hour)
	for _, k := range []*Key{key, disabled} {
		if state := k.Metadata().State; state != Unavailable {
			t.Errorf("state %s while the disk fails", state)
		}
	}
	_, err := w.Decrypt(key, blob, nil)
	wantKind(t, err, InvalidState)
	w.records.fail = nil
	w.clock.Advance(retryAfter)
	for _, k := range []*Key{key, disabled} {
		if state := k.Metadata().State; state != PendingImport {
			t.Errorf("state %s when the disk works again", state)
		}
	}
	must(t, importInto(t, w.Keyring, key, wrapOAEPSHA256, someMaterial, Imported{}))
	_, err = w.Decrypt(key, blob, nil)
	must(t, err)
}

// TestErasedKeysDoNotExpire: the end of material that would have outlived its key comes and nothing is left to do.
func TestErasedKeysDoNotExpire(t *testing.T) {
	w := newWorld(t)
	key := w.newExternal(t, "", "")
	must(t, importInto(t, w.Keyring, key, wrapOAEPSHA256, someMaterial, Imported{ValidTo: w.clock.Now().Add(30 * 24 * time.Hour)}))
	must(t, w.ScheduleDeletion(context.Background(), key, 7))
	w.clock.Advance(8 * 24 * time.Hour)
	if m := key.Metadata(); m.State != Erased || !m.due().IsZero() {
		t.Fatalf("the key is %s and changes again at %v", m.State, m.due())
	}
	w.clock.Advance(30 * 24 * time.Hour)
}

func TestImportTokens(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	key, other := w.newExternal(t, "", ""), w.newExternal(t, "", "")
	p, err := w.ParametersForImport(ctx, key, wrapOAEPSHA256, "RSA_2048")
	must(t, err)
	in := Import{Token: p.Token, Wrapped: wrapMaterial(t, p.Public, wrapOAEPSHA256, someMaterial)}
	_, err = w.ImportMaterial(ctx, other, in)
	wantKind(t, err, BadImportToken)
	for i := range p.Token {
		bad := in
		bad.Token = bytes.Clone(p.Token)
		bad.Token[i] ^= 1
		_, err = w.ImportMaterial(ctx, key, bad)
		wantKind(t, err, BadImportToken)
	}
	w.later(t, 23*time.Hour) // a token outlives a restart
	key, err = w.Resolve(east, key.ID(), KeyOnly)
	must(t, err)
	wrong := in
	wrong.MaterialID = key.ID()
	_, err = w.ImportMaterial(ctx, key, wrong)
	wantKind(t, err, WrongMaterial)
	_, err = w.ImportMaterial(ctx, key, in)
	must(t, err)
	w.clock.Advance(time.Hour)
	_, err = w.ImportMaterial(ctx, key, in)
	wantKind(t, err, ExpiredImportToken)
}

// TestMissingImportedMaterial: a file that got lost is not what its owner took away, but importing again mends it.
func TestMissingImportedMaterial(t *testing.T) {
	w := newWorld(t)
	key := w.newExternal(t, "", "")
	must(t, importInto(t, w.Keyring, key, wrapOAEPSHA256, someMaterial, Imported{}))
	blob := w.encrypt(t, key, "x", nil)
	must(t, w.disk.Remove("keys/"+key.ID()))
	w.later(t, 0)
	key, err := w.Resolve(east, key.ID(), KeyOnly)
	must(t, err)
	if state := key.Metadata().State; state != Unavailable {
		t.Errorf("state %s", state)
	}
	must(t, importInto(t, w.Keyring, key, wrapOAEPSHA256, someMaterial, Imported{}))
	_, err = w.Decrypt(key, blob, nil)
	must(t, err)
	_, err = w.Rewrap(context.Background())
	must(t, err)
	must(t, w.take(key, key.Metadata().CurrentMaterial()))
	must(t, w.take(key, ""))
	_, err = w.Rewrap(context.Background())
	must(t, err)
}

// TestUnrelatedKeysWithOneMaterial do not open each other's ciphertexts.
func TestUnrelatedKeysWithOneMaterial(t *testing.T) {
	w := newWorld(t)
	a, b := w.newExternal(t, "", ""), w.newExternal(t, "", "")
	for _, key := range []*Key{a, b} {
		must(t, importInto(t, w.Keyring, key, wrapOAEPSHA256, someMaterial, Imported{}))
	}
	if a.Metadata().CurrentMaterial() == b.Metadata().CurrentMaterial() {
		t.Error("the two materials have one id")
	}
	_, err := w.Decrypt(b, w.encrypt(t, a, "x", nil), nil)
	wantKind(t, err, IncorrectKey)
}

// TestCrashDuringImports is TestCrashAnywhere for material that comes and goes.
func TestCrashDuringImports(t *testing.T) {
	w := newWorld(t)
	wrapping, err := w.newMaterial(context.Background(), "RSA_2048")
	must(t, err)
	crashAnywhere(t, func(t *testing.T, root sealRoot, disk vfs.FS, d *diary) { tellImports(t, root, disk, d, wrapping) })
}

// tellImports is a story of material that is imported, taken away, imported again, and expires.
func tellImports(t *testing.T, root sealRoot, disk vfs.FS, d *diary, wrapping fresh) {
	t.Helper()
	c, arena := clock.New(), lockedmem.NewArena(nil)
	defer func() { _ = arena.Close() }()
	defer c.Close()
	k, err := Open(context.Background(), Config{
		FS: disk, Dir: "keys", Root: root, Records: &recordLog{fs: disk}, Clock: c, Arena: arena,
	})
	must(t, err)
	ctx := context.Background()
	key, err := k.Create(ctx, NewKey{Scope: east, Origin: OriginExternal})
	must(t, err)
	d.emptied = []string{key.ID()}
	token, err := k.sealToken(key, c.Now().Add(tokenLife), wrapOAEPSHA256, "RSA_2048", wrapping.bare)
	must(t, err)
	in := Import{Token: token, Wrapped: wrapMaterial(t, wrapping.public, wrapOAEPSHA256, someMaterial)}
	for _, life := range []time.Duration{0, time.Hour} {
		d.emptied = nil
		if life > 0 {
			in.Terms.ValidTo = c.Now().Add(life)
		}
		_, err = k.ImportMaterial(ctx, key, in)
		must(t, err)
		promise(t, k, key, d)
		must(t, k.SetDescription(ctx, key, "in use"))
		delete(d.blobs, key.ID())
		if life > 0 {
			c.Advance(life)
		} else {
			_, err = k.DeleteMaterial(ctx, key, "")
			must(t, err)
		}
		d.emptied = []string{key.ID()}
	}
}

// TestOpenSSLWrapsMaterial with its own key wrap.
func TestOpenSSLWrapsMaterial(t *testing.T) {
	o := newOpenSSL(t)
	key := bytes.Repeat([]byte{9}, 32)
	for _, n := range []int{5, 32, 70} {
		material := bytes.Repeat([]byte{byte(n)}, n)
		o.put("material", material)
		o.run("enc -id-aes256-wrap-pad -iv A65959A6 -K " + strings.Repeat("09", 32) + " -in material -out wrapped")
		got, err := unwrapPadded(key, o.get("wrapped"))
		must(t, err)
		if !bytes.Equal(got, material) {
			t.Errorf("got %x", got)
		}
	}
}
