//go:build pkcs11

// Package pkcs11 wraps the sealing key of a keyring with an AES key that does not leave an HSM, by PKCS #11.
//
// Callers may rely on this: what was wrapped for one installation opens for no other; the HSM's key is only
// used, never read; and an error says whether the token could not be reached (seal.ErrUnavailable) or the PIN
// is wrong (seal.ErrPassphrase). A PIN is given to the token once for each call: a wrong one is not tried
// again here, since tokens lock themselves.
//
// It needs cgo, and is in programs that were built with the tag pkcs11 only. The parameters in the keyring
// are:
//
//	version 1 │ length of the token's label 1 │ label │ length of the key's label 1 │ label
//	│ nonce 12 │ ciphertext and tag
package pkcs11

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
)

const (
	paramsVersion = 1
	nonceSize     = 12
	tagBits       = 128
	boundLabel    = "sealtable keyring seal v1: "
)

// Available says whether this program has the seal.
const Available = true

// Wrapper implements seal.Wrapper.
type Wrapper struct{ options Options }

// New gives a wrapper. It touches no token yet.
func New(o Options) (*Wrapper, error) {
	if o.Module == "" {
		return nil, errors.New("say which module: --pkcs11-module FILE")
	}
	return &Wrapper{options: o}, nil
}

// Wrap implements seal.Wrapper: AES-GCM with a random nonce, the installation being associated data.
func (w *Wrapper) Wrap(key []byte, installation seal.ID) (params []byte, err error) {
	token, label := w.options.Token, w.options.Key
	if token == "" || label == "" || len(token) > 255 || len(label) > 255 {
		return nil, errors.New("say which key: --pkcs11-token LABEL and --pkcs11-key LABEL")
	}
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	params = append([]byte{paramsVersion, byte(len(token))}, token...)
	params = append(append(params, byte(len(label))), label...)
	params = append(params, nonce...)
	err = w.with(token, label, func(s session) error {
		gcm := pkcs11.NewGCMParams(nonce, bound(installation), tagBits)
		defer gcm.Free()
		if err := s.ctx.EncryptInit(s.handle, mechanism(gcm), s.key); err != nil {
			return err
		}
		sealed, err := s.ctx.Encrypt(s.handle, key)
		if err == nil && string(gcm.IV()) != string(nonce) {
			err = errors.New("the token chose a nonce of its own")
		}
		params = append(params, sealed...)
		return err
	})
	return params, err
}

// Unwrap implements seal.Wrapper.
func (w *Wrapper) Unwrap(params []byte, installation seal.ID) (key []byte, err error) {
	p, err := parse(params)
	if err != nil {
		return nil, err
	}
	err = w.with(p.token, p.key, func(s session) error {
		gcm := pkcs11.NewGCMParams(p.nonce, bound(installation), tagBits)
		defer gcm.Free()
		if err := s.ctx.DecryptInit(s.handle, mechanism(gcm), s.key); err != nil {
			return err
		}
		key, err = s.ctx.Decrypt(s.handle, p.sealed)
		return err
	})
	return key, err
}

func mechanism(gcm *pkcs11.GCMParams) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, gcm)}
}

func bound(installation seal.ID) []byte { return append([]byte(boundLabel), installation[:]...) }

// session is a token somebody is logged in to, with the key found.
type session struct {
	ctx    *pkcs11.Ctx
	handle pkcs11.SessionHandle
	key    pkcs11.ObjectHandle
}

// with loads the module, logs in, uses the key, and leaves nothing behind.
func (w *Wrapper) with(token, label string, use func(session) error) (err error) {
	ctx := pkcs11.New(w.options.Module)
	if ctx == nil {
		return fmt.Errorf("%w: the module %s cannot be loaded", seal.ErrUnavailable, w.options.Module)
	}
	defer ctx.Destroy()
	if err := ctx.Initialize(); err != nil {
		return unavailable("the module does not start", err)
	}
	defer func() { err = errors.Join(err, ctx.Finalize()) }()
	slot, err := findToken(ctx, token)
	if err != nil {
		return err
	}
	handle, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return unavailable("the token takes no session", err)
	}
	defer func() { err = errors.Join(err, ctx.CloseSession(handle)) }()
	if err := w.login(ctx, handle); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ctx.Logout(handle)) }()
	key, err := findKey(ctx, handle, label)
	if err != nil {
		return err
	}
	if err := use(session{ctx, handle, key}); err != nil {
		return explain(err)
	}
	return nil
}

func (w *Wrapper) login(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle) error {
	if w.options.PIN == nil {
		return fmt.Errorf("%w: no PIN was given", seal.ErrPassphrase)
	}
	pin, err := w.options.PIN()
	defer lockedmem.Wipe(pin)
	if err != nil {
		return fmt.Errorf("%w: %w", seal.ErrPassphrase, err)
	}
	if err := ctx.Login(handle, pkcs11.CKU_USER, string(pin)); err != nil {
		return explain(err)
	}
	return nil
}

func findToken(ctx *pkcs11.Ctx, label string) (uint, error) {
	slots, err := ctx.GetSlotList(true)
	if err != nil {
		return 0, unavailable("the module lists no tokens", err)
	}
	for _, slot := range slots {
		info, err := ctx.GetTokenInfo(slot)
		if err == nil && strings.TrimRight(info.Label, " \x00") == label {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("%w: there is no token %q", seal.ErrUnavailable, label)
}

func findKey(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, label string) (pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}
	if err := ctx.FindObjectsInit(handle, template); err != nil {
		return 0, explain(err)
	}
	found, _, err := ctx.FindObjects(handle, 2)
	if err = errors.Join(err, ctx.FindObjectsFinal(handle)); err != nil {
		return 0, explain(err)
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("the token has %d secret keys with the label %q, and must have one", len(found),
			label)
	}
	return found[0], nil
}

func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", seal.ErrUnavailable, what, err)
}

// explain tells a wrong PIN and a token that is away from what is wrong for good.
func explain(err error) error {
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return err
	}
	switch code {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_LOCKED,
		pkcs11.CKR_PIN_EXPIRED:
		return fmt.Errorf("%w: %w", seal.ErrPassphrase, err)
	case pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_DEVICE_MEMORY,
		pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_SESSION_HANDLE_INVALID,
		pkcs11.CKR_HOST_MEMORY, pkcs11.CKR_GENERAL_ERROR:
		return unavailable("the token does not work", err)
	}
	return err
}
