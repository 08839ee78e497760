package keyring

import (
	"context"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// Imported material ("Importing key material" in the AWS KMS Developer Guide) is its owner's: it can be taken
// away at any time, and given again as long as it is the same. A key that lacks any of it is PendingImport;
// without all of it there is no file. imported.go is about what a key has.

const (
	purposeToken = "kms-import-token"
	// tokenLife is how long the parameters for an import are good for.
	tokenLife = 24 * time.Hour
	// maxValidity is how far ahead imported material may expire, in days.
	maxValidity = 365
)

// ImportParameters are what the owner of material needs to send it.
type ImportParameters struct {
	Public  []byte // what to wrap the material with, a SubjectPublicKeyInfo in DER
	Token   []byte
	ValidTo time.Time
}

// ParametersForImport makes a wrapping key. Its private half is in the token, sealed for this key: nothing is
// kept of it here.
func (k *Keyring) ParametersForImport(
	ctx context.Context, key *Key, algorithm string, spec Spec,
) (ImportParameters, error) {
	if err := key.Metadata().Permits("GetParametersForImport"); err != nil {
		return ImportParameters{}, err
	}
	if of := key.Metadata().Spec; !wraps(algorithm, spec, of) {
		return ImportParameters{}, fail(Unsupported, "WrappingAlgorithm %s with WrappingKeySpec %s is not "+
			"supported for key material "+
			"of KeySpec %s.", algorithm, spec, of)
	}
	made, err := k.newMaterial(ctx, spec)
	if err != nil {
		return ImportParameters{}, err
	}
	defer made.bare.Destroy()
	validTo := k.config.Clock.Now().Add(tokenLife).Truncate(time.Second)
	token, err := k.sealToken(key, validTo, algorithm, spec, made.bare)
	if err != nil {
		return ImportParameters{}, fmt.Errorf("seal an import token of key %s: %w", key.id, err)
	}
	return ImportParameters{Public: made.public, Token: token, ValidTo: validTo}, nil
}

func (k *Keyring) sealToken(
	key *Key, validTo time.Time, algorithm string, spec Spec, private *lockedmem.Key,
) (token []byte, err error) {
	err = private.With(func(der []byte) (err error) {
		b := make([]byte, 0, 64+len(algorithm)+len(spec)+len(der))
		b = binary.BigEndian.AppendUint64(b, uint64(validTo.Unix()))
		b = appendField(appendField(b, algorithm), string(spec))
		b = append(b, der...)
		defer lockedmem.Wipe(b)
		token, err = k.config.Root.Wrap(purposeToken, []byte(key.arn), b)
		return err
	})
	return token, err
}

// openToken gives back what sealToken was given for the same key. The caller wipes the private key.
func (k *Keyring) openToken(key *Key, token []byte) (private *rsa.PrivateKey, algorithm string, err error) {
	sealed, err := k.config.Root.Unwrap(purposeToken, []byte(key.arn), token)
	if err != nil {
		return nil, "", &Error{Kind: BadImportToken}
	}
	defer sealed.Destroy()
	err = sealed.With(func(b []byte) error {
		r := fieldReader{rest: b}
		validTo := time.Unix(int64(r.number(8)), 0)
		algorithm = string(r.take(int(r.number(4))))
		spec := Spec(r.take(int(r.number(4))))
		if r.short {
			return &Error{Kind: BadImportToken}
		}
		if !k.config.Clock.Now().Before(validTo) {
			return &Error{Kind: ExpiredImportToken}
		}
		parsed, err := parsePrivate(spec, r.rest)
		if err != nil {
			return err
		}
		private = parsed.(*rsa.PrivateKey)
		return nil
	})
	return private, algorithm, err
}

// Import is an import of material.
type Import struct {
	Token, Wrapped []byte
	Terms          Imported
	Description    string // empty: as it was
	MaterialID     string // what the material must be; empty: anything that the key may have
	// Existing and New say whether the key has had this material before. Neither: it has, unless it never had
	// any.
	Existing, New bool
}

// ImportMaterial gives a key its material, new terms to material that it has, or material that it is to be
// rotated to. It says which material that is.
func (k *Keyring) ImportMaterial(ctx context.Context, key *Key, in Import) (string, error) {
	if err := key.Metadata().Permits("ImportKeyMaterial"); err != nil {
		return "", err
	}
	now := k.config.Clock.Now()
	if to := in.Terms.ValidTo; !to.IsZero() && (!to.After(now) || to.After(now.AddDate(0, 0, maxValidity))) {
		return "", fail(Invalid, "ValidTo must be in the future, and at most %d days ahead.", maxValidity)
	}
	made, err := k.offered(key, in)
	if err != nil {
		return "", err
	}
	defer made.bare.Destroy()
	defer k.lock(key)()
	m := key.Metadata()
	if err := m.Permits("ImportKeyMaterial"); err != nil {
		return "", err
	}
	version, err := k.wrapOffered(m, made, now)
	if err == nil {
		err = in.fits(m, version.MaterialID)
	}
	if err != nil {
		return "", err
	}
	held, err := k.keepImported(m, version)
	if err != nil {
		return "", err
	}
	return version.MaterialID, k.changeAll(ctx, k.related(m), func(m *Metadata) error {
		k.meet(m, Version{MaterialID: version.MaterialID, Created: version.Created, Public: made.public})
		m.loseAllBut(held)
		if m.Scope == key.scope {
			m.imported(version.MaterialID, in.Terms, in.Description)
		}
		m.settle()
		return nil
	})
}

// offered is the material in an import, as it would be kept.
func (k *Keyring) offered(key *Key, in Import) (fresh, error) {
	private, algorithm, err := k.openToken(key, in.Token)
	if err != nil {
		return fresh{}, err
	}
	defer wipePrivate(private)
	raw, err := unwrapMaterial(private, algorithm, in.Wrapped)
	if err != nil {
		return fresh{}, invalidCiphertext()
	}
	defer lockedmem.Wipe(raw)
	spec := key.Metadata().Spec
	if size := spec.secretSize(); size > 0 {
		if len(raw) != size {
			return fresh{}, fail(WrongMaterial, "The key material of a key of KeySpec %s has %d bytes.", spec,
				size)
		}
		bare, err := k.config.Arena.FromBytes(raw)
		return fresh{bare: bare}, err
	}
	pair, err := parsePrivate(spec, raw)
	if err != nil {
		return fresh{}, fail(WrongMaterial, "The key material is not a DER-encoded PKCS #8 private key of "+
			"KeySpec %s.", spec)
	}
	defer wipePrivate(pair)
	return k.lockPair(pair)
}

func (k *Keyring) wrapOffered(m *Metadata, made fresh, now time.Time) (version MaterialVersion, err error) {
	file := &MaterialFile{KeyID: m.ID, Spec: m.Spec}
	err = made.bare.With(func(bare []byte) (err error) {
		version, err = file.wrap(k.config.Root, bare, now)
		return err
	})
	return version, err
}

// fits says whether the key may get the material of this id: a key gets all that it had again, and a primary
// or single-Region symmetric key one that it did not have, which waits to be rotated to.
func (in Import) fits(m *Metadata, id string) error {
	first, isNew := len(m.Versions) == 0, in.New || !in.Existing && len(m.Versions) == 0
	switch {
	case in.New && in.MaterialID != "":
		return fail(Invalid, "KeyMaterialId cannot be specified with ImportType NEW_KEY_MATERIAL.")
	case in.MaterialID != "" && in.MaterialID != id:
		return fail(WrongMaterial, "The key material is not the one that the request expects.")
	case !isNew && !m.knows(id):
		return fail(WrongMaterial, "The key material is not one that was imported into %s before.", m.ARN())
	case !isNew:
		return nil
	case m.knows(id):
		return fail(WrongMaterial, "The key material was imported into %s before.", m.ARN())
	case !m.Leads():
		return notPrimary(m)
	case !first && m.Spec != Symmetric:
		return fail(Unsupported, "%s can have one key material only: it is no symmetric encryption key.",
			m.ARN())
	case m.Pending != nil:
		return fail(InvalidState, "New key material (id: %s) cannot be imported into KMS key %s, because "+
			"another key material (id: %s) "+
			"is pending rotation.", id, m.ARN(), m.Pending.MaterialID)
	}
	return nil
}
