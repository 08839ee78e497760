package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"testing"
)

// importMaterial gives a key material of 32 equal bytes, as its owner does, and returns its id.
func importMaterial(t *testing.T, r *raw, key string, fill byte, more m) string {
	t.Helper()
	given := r.call(t, "kms.GetParametersForImport", m{"KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
	der, err := base64.StdEncoding.DecodeString(given["PublicKey"].(string))
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), bytes.Repeat([]byte{fill}, 32), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := m{"KeyId": key, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": wrapped, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
	for name, value := range more {
		in[name] = value
	}
	return fmt.Sprint(r.call(t, "kms.ImportKeyMaterial", in)["KeyMaterialId"])
}

// TestTableUnderImportedMaterial puts a table under a key whose material is its owner's: rotated to a second one, with the first taken
// away the table is dead for everybody, at once after a restart, and back when the same material is.
func TestTableUnderImportedMaterial(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	r := newRaw(s)
	key := fmt.Sprint(at(r.call(t, "kms.CreateKey", m{"Origin": "EXTERNAL"}), "KeyMetadata.Arn"))
	first := importMaterial(t, r, key, 1, nil)
	r.call(t, "dynamodb.CreateTable", tableInput("own", under(key)))
	item := m{"pk": attributeS("p"), "sk": attributeS("s")}
	r.call(t, "dynamodb.PutItem", m{"TableName": "own", "Item": item})
	importMaterial(t, r, key, 2, m{"ImportType": "NEW_KEY_MATERIAL"})
	r.call(t, "kms.RotateKeyOnDemand", m{"KeyId": key})
	r.call(t, "kms.DeleteImportedKeyMaterial", m{"KeyId": key, "KeyMaterialId": first})
	s = s.restart(t)
	r = newRaw(s)
	got, err := r.do(t.Context(), "dynamodb.GetItem", m{"TableName": "own", "Key": item})
	want := "KMS validation error: com.amazonaws.services.kms.model.KMSInvalidStateException: " + key + " is pending import."
	if err != nil || got.Code != "ValidationException" || !bytes.HasPrefix([]byte(got.Message), []byte(want)) {
		t.Errorf("without the first material: %s: %s %v", got.Code, got.Message, err)
	}
	if id := importMaterial(t, r, key, 1, m{"KeyMaterialId": first}); id != first {
		t.Errorf("the same material has another id: %s", id)
	}
	if back := r.call(t, "dynamodb.GetItem", m{"TableName": "own", "Key": item}); at(back, "Item.sk.S") != "s" {
		t.Errorf("the item did not come back: %v", back)
	}
	rotations := r.call(t, "kms.ListKeyRotations", m{"KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"})["Rotations"].([]any)
	if len(rotations) != 2 || at(rotations[1].(m), "KeyMaterialState") != "CURRENT" || at(rotations[0].(m), "ImportState") != "IMPORTED" {
		t.Errorf("the material of the key: %v", rotations)
	}
	if out, code := run(t, "inspect", s.data(), "--config", s.config()); code != 0 {
		t.Errorf("inspect: %d\n%s", code, out)
	}
}
