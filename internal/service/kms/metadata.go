package kms

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/keyring"
)

// metadata is a key as CreateKey and DescribeKey show it ("KeyMetadata" in the AWS KMS API Reference).
func metadata(m *keyring.Metadata) *kmsapi.KeyMetadata {
	out := &kmsapi.KeyMetadata{
		AWSAccountId: new(m.Scope.Account), KeyId: new(m.ID), Arn: new(m.ARN()), CreationDate: new(m.Created),
		Enabled: new(m.State == keyring.Enabled), Description: new(m.Description),
		KeyUsage: new(string(m.Usage)),
		KeyState: new(string(m.State)), Origin: new(string(m.Origin)), KeyManager: new(string(m.Manager)),
		CustomerMasterKeySpec: new(string(m.Spec)), KeySpec: new(string(m.Spec)),
		MultiRegion: new(m.MultiRegion != nil),
	}
	algorithms(m, out)
	if m.Spec == keyring.Symmetric && m.HasMaterial() {
		out.CurrentKeyMaterialId = materialOf(m.CurrentMaterial())
	}
	if imported := m.Terms(); imported != nil {
		out.ExpirationModel, out.ValidTo = terms(imported)
	}
	if m.State == keyring.PendingDeletion {
		out.DeletionDate = new(m.DeletionDate)
	}
	if m.State == keyring.PendingReplicaDeletion {
		out.PendingDeletionWindowInDays = new(int64(m.PendingWindow))
	}
	if m.MultiRegion != nil {
		out.MultiRegionConfiguration = multiRegion(m)
	}
	return out
}

const (
	materialExpires = "KEY_MATERIAL_EXPIRES"
	materialStays   = "KEY_MATERIAL_DOES_NOT_EXPIRE"
)

// terms says whether imported material expires, and when.
func terms(i *keyring.Imported) (model *string, validTo *time.Time) {
	if i.ValidTo.IsZero() {
		return new(materialStays), nil
	}
	return new(materialExpires), new(i.ValidTo)
}

// algorithms names what the key can be used with, in the member for its usage.
func algorithms(m *keyring.Metadata, out *kmsapi.KeyMetadata) {
	switch list := m.Algorithms(); m.Usage {
	case keyring.EncryptDecrypt:
		out.EncryptionAlgorithms = list
	case keyring.SignVerify:
		out.SigningAlgorithms = list
	case keyring.GenerateMAC:
		out.MacAlgorithms = list
	case keyring.KeyAgreement:
		out.KeyAgreementAlgorithms = list
	}
}

func multiRegion(m *keyring.Metadata) *kmsapi.MultiRegionConfiguration {
	in := func(region string) kmsapi.MultiRegionKey {
		there := arn.New("kms", region, m.Scope.Account, "key/"+m.ID).String()
		return kmsapi.MultiRegionKey{Arn: new(there), Region: new(region)}
	}
	out := &kmsapi.MultiRegionConfiguration{
		MultiRegionKeyType: new(multiRegionType(m)), PrimaryKey: new(in(m.MultiRegion.Primary)),
		ReplicaKeys: []kmsapi.MultiRegionKey{},
	}
	for _, region := range m.MultiRegion.Replicas {
		out.ReplicaKeys = append(out.ReplicaKeys, in(region))
	}
	return out
}

// pageOf reads the paging members of a listing. A limit above what the listing gives at once is cut to that.
func pageOf(given *string, limit *int64, preset, most int) (after string, n int, err error) {
	n = preset
	if limit != nil {
		n = min(int(*limit), most)
	}
	if given == nil {
		return "", n, nil
	}
	name, ok := readMarker(*given)
	if !ok {
		return "", 0, &api.Error{Code: "InvalidMarkerException", Message: "The marker is invalid."}
	}
	return name, n, nil
}

// A marker is a digest of the name after which the next page begins, and that name. The digest tells markers
// that this service gave from text that happens to be base64; it protects nothing.
const markerDigest = 8

func digestOf(name []byte) []byte {
	sum := sha256.Sum256(append([]byte("sealtable marker v1\x00"), name...))
	return sum[:markerDigest]
}

func readMarker(given string) (name string, ok bool) {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(given)
	if err != nil || len(decoded) <= markerDigest {
		return "", false
	}
	digest, rest := decoded[:markerDigest], decoded[markerDigest:]
	return string(rest), bytes.Equal(digest, digestOf(rest))
}

// marker is where the next page of a listing starts, nil after the last one.
func marker(last string, more bool) *string {
	if !more {
		return nil
	}
	return new(base64.RawURLEncoding.EncodeToString(append(digestOf([]byte(last)), last...)))
}
