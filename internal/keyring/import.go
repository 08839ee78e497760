package keyring

import (
	"context"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// Imported material ("Importing key material" in the AWS KMS Developer Guide) is its owner's: it can be taken away at any time, and
// given again as long as it is the same. A key without it is PendingImport and has no file.

const (
	purposeToken = "kms-import-token"
	// tokenLife is how long the parameters for an import are good for.
	tokenLife = 24 * time.Hour
	// maxValidity is how far ahead imported material may expire, in days.
	maxValidity = 365
)

// Imported is what its owner said of the material of a key.
type Imported struct {
	ValidTo     time.Time `json:"validTo,omitzero"` // zero: it does not expire
	Description string    `json:"description,omitempty"`
}

// HasMaterial says whether the key has what it needs to work: all keys do, except those whose material was not imported yet, was
// taken away, or expired.
func (m *Metadata) HasMaterial() bool { return m.Origin != OriginExternal || m.Import != nil }

// ImportParameters are what the owner of material needs to send it.
type ImportParameters struct {
	Public  []byte // what to wrap the material with, a SubjectPublicKeyInfo in DER
	Token   []byte
	ValidTo time.Time
}

// ParametersForImport makes a wrapping key. Its private half is in the token, sealed for this key: nothing is kept of it here.
func (k *Keyring) ParametersForImport(ctx context.Context, key *Key, algorithm string, spec Spec) (ImportParameters, error) {
	if err := key.Metadata().Permits("GetParametersForImport"); err != nil {
		return ImportParameters{}, err
	}
	if !unwrapsWith(algorithm) || !spec.isRSA() {
		return ImportParameters{}, fail(Unsupported, "WrappingAlgorithm %s with WrappingKeySpec %s is not supported by this "+
			"installation.", algorithm, spec)
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
	MaterialID     string // what the material must be; empty: anything that the key may have
	Existing, New  bool   // whether the key has had this material before; neither: either
}

// ImportMaterial gives a key its material, or new terms to the material that it has. It says which material that is.
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
	if err == nil {
		err = k.keepImported(m, version)
	}
	if err != nil {
		return "", err
	}
	return version.MaterialID, k.change(ctx, key, func(m *Metadata) error {
		k.adopt(m, Version{MaterialID: version.MaterialID, Created: version.Created, Public: made.public}, in.Terms)
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
			return fresh{}, fail(WrongMaterial, "The key material of a key of KeySpec %s has %d bytes.", spec, size)
		}
		bare, err := k.config.Arena.FromBytes(raw)
		return fresh{bare: bare}, err
	}
	pair, err := parsePrivate(spec, raw)
	if err != nil {
		return fresh{}, fail(WrongMaterial, "The key material is not a DER-encoded PKCS #8 private key of KeySpec %s.", spec)
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

// fits says whether the key may get the material of this id: a key that has had material gets the same again or none.
func (in Import) fits(m *Metadata, id string) error {
	has := m.CurrentMaterial()
	switch {
	case in.MaterialID != "" && in.MaterialID != id, in.Existing && has == "":
		return fail(WrongMaterial, "The key material is not the one that the request expects.")
	case in.New && has != "":
		return fail(Unsupported, "%s has key material already: importing more of it is not supported by this installation.", m.ARN())
	case has != "" && has != id:
		return fail(WrongMaterial, "The key material is not the one that was imported into %s before.", m.ARN())
	}
	return nil
}

// keepImported writes the file of a key, unless a related key has it there already.
func (k *Keyring) keepImported(m *Metadata, version MaterialVersion) error {
	file, err := k.store.read(m.ID)
	if err == nil && slices.ContainsFunc(file.Versions, func(v MaterialVersion) bool { return v.MaterialID == version.MaterialID }) {
		return nil
	}
	return k.store.write(m.ID, &MaterialFile{KeyID: m.ID, Spec: m.Spec, Versions: []MaterialVersion{version}})
}

// adopt makes m a key that has its material.
func (k *Keyring) adopt(m *Metadata, v Version, terms Imported) {
	if len(m.Versions) == 0 {
		m.Versions = []Version{v}
		m.backing = []*backingKey{k.backingFor(m, v.MaterialID)}
	}
	terms.ValidTo = terms.ValidTo.Truncate(time.Millisecond)
	m.Import = &terms
	switch m.State {
	case PendingImport:
		m.State = Enabled
	case Unavailable:
		m.State = m.stored
	}
}

// DeleteMaterial takes imported material away. Nothing opens until the same material is imported again.
func (k *Keyring) DeleteMaterial(ctx context.Context, key *Key, materialID string) error {
	defer k.lock(key)()
	m := key.Metadata()
	if err := m.Permits("DeleteImportedKeyMaterial"); err != nil {
		return err
	}
	if materialID != "" && materialID != m.CurrentMaterial() {
		return fail(NotFound, "Key material %s of %s does not exist.", materialID, key.arn)
	}
	if !m.HasMaterial() {
		return nil
	}
	return k.dropMaterial(ctx, key)
}

// dropMaterial erases imported material, on disk and in memory, unless a related key still uses it, and says so. It may be called
// again after it failed. The caller holds the locks.
func (k *Keyring) dropMaterial(ctx context.Context, key *Key) error {
	if !slices.ContainsFunc(k.others(key), func(other *Key) bool { return other.Metadata().HasMaterial() }) {
		if err := k.discardMaterial(key); err != nil {
			return err
		}
	}
	return k.change(ctx, key, func(m *Metadata) error {
		m.Import = nil
		if m.State != PendingDeletion && m.State != PendingReplicaDeletion {
			m.State = PendingImport
		}
		return nil
	})
}

// discardMaterial erases material that may come back.
func (k *Keyring) discardMaterial(key *Key) error {
	if err := k.store.discard(key.id); err != nil {
		return err
	}
	for _, b := range key.Metadata().backing {
		b.drop()
	}
	return nil
}

// settleImported erases the file of a key whose import was cut short: nobody was told that it succeeded, and its owner has what is
// in it.
func (k *Keyring) settleImported(id string, keys []*Key) error {
	if slices.ContainsFunc(keys, func(key *Key) bool { return key.Metadata().HasMaterial() }) {
		return nil
	}
	if err := k.store.discard(id); err != nil {
		return fmt.Errorf("clear away an import that was cut short: %w", err)
	}
	return nil
}
