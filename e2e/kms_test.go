package e2e

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestKeyService encrypts and decrypts with boto3: by id, ARN and alias, with encryption contexts, and with keys that refuse.
func TestKeyService(t *testing.T) {
	t.Parallel()
	b := newBoto(t, startDev(t))
	arn, id := b.newKey(t, m{"Description": "of the test", "Tags": []m{{"TagKey": "a", "TagValue": "b"}}})
	b.call(t, "kms.create_alias", m{"AliasName": "alias/test", "TargetKeyId": id})
	for _, name := range []string{id, arn, "alias/test", "arn:aws:kms:us-east-1:123456789012:alias/test"} {
		roundTrip(t, b, name, arn)
	}
	testContexts(t, b, arn)
	testDataKeys(t, b, arn)
	testDisabledKey(t, b, arn)
}

func roundTrip(t *testing.T, b *boto, name, arn string) {
	t.Helper()
	plaintext := binaryValue([]byte("the plaintext \x00\xff"))
	sealed := b.call(t, "kms.encrypt", m{"KeyId": name, "Plaintext": plaintext})
	if sealed["KeyId"] != arn || sealed["EncryptionAlgorithm"] != "SYMMETRIC_DEFAULT" {
		t.Errorf("encrypt with %s: %v", name, sealed)
	}
	for _, key := range []m{{}, {"KeyId": name}} {
		key["CiphertextBlob"] = sealed["CiphertextBlob"]
		opened := b.call(t, "kms.decrypt", key)
		if at(opened, "Plaintext.$bytes") != plaintext["$bytes"] || opened["KeyId"] != arn {
			t.Errorf("decrypt: %v", opened)
		}
	}
}

func testContexts(t *testing.T, b *boto, arn string) {
	sealed := b.call(t, "kms.encrypt", m{"KeyId": arn, "Plaintext": binaryValue([]byte("x")), "EncryptionContext": m{"one": "1", "two": "2"}})
	blob := sealed["CiphertextBlob"].(m)
	b.call(t, "kms.decrypt", m{"CiphertextBlob": blob, "EncryptionContext": m{"two": "2", "one": "1"}})
	other, _ := b.newKey(t, nil)
	moved := b.call(t, "kms.re_encrypt", m{"CiphertextBlob": blob, "SourceEncryptionContext": m{"one": "1", "two": "2"}, "DestinationKeyId": other,
		"DestinationEncryptionContext": m{"three": "3"}})
	if moved["KeyId"] != other || moved["SourceKeyId"] != arn {
		t.Errorf("re_encrypt: %v", moved)
	}
	b.call(t, "kms.decrypt", m{"CiphertextBlob": moved["CiphertextBlob"], "EncryptionContext": m{"three": "3"}})
	for name, in := range map[string]m{
		"no context":      {"CiphertextBlob": blob},
		"part of it":      {"CiphertextBlob": blob, "EncryptionContext": m{"one": "1"}},
		"another value":   {"CiphertextBlob": blob, "EncryptionContext": m{"one": "1", "two": "3"}},
		"of another case": {"CiphertextBlob": blob, "EncryptionContext": m{"one": "1", "Two": "2"}},
		"no ciphertext":   {"CiphertextBlob": binaryValue([]byte("nonsense"))},
		"a flipped bit":   {"CiphertextBlob": flipped(t, blob), "EncryptionContext": m{"one": "1", "two": "2"}},
	} {
		if a := b.try(t, "kms.decrypt", in); a.Code != "InvalidCiphertextException" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	a := b.try(t, "kms.decrypt", m{"KeyId": other, "CiphertextBlob": blob, "EncryptionContext": m{"one": "1", "two": "2"}})
	if a.Code != "IncorrectKeyException" {
		t.Errorf("decrypt with another key: %+v", a)
	}
}

func flipped(t *testing.T, blob m) m {
	t.Helper()
	content, err := base64.StdEncoding.DecodeString(blob["$bytes"].(string))
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	return binaryValue(content)
}

func testDataKeys(t *testing.T, b *boto, arn string) {
	made := b.call(t, "kms.generate_data_key", m{"KeyId": arn, "KeySpec": "AES_256", "EncryptionContext": m{"a": "b"}})
	opened := b.call(t, "kms.decrypt", m{"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": m{"a": "b"}})
	if at(made, "Plaintext.$bytes") != at(opened, "Plaintext.$bytes") {
		t.Error("a data key differs from what its ciphertext opens to")
	}
	hidden := b.call(t, "kms.generate_data_key_without_plaintext", m{"KeyId": arn, "NumberOfBytes": 64})
	if hidden["Plaintext"] != nil {
		t.Error("generate_data_key_without_plaintext gave the plaintext")
	}
}

func testDisabledKey(t *testing.T, b *boto, arn string) {
	sealed := b.call(t, "kms.encrypt", m{"KeyId": arn, "Plaintext": binaryValue([]byte("x"))})
	b.call(t, "kms.disable_key", m{"KeyId": arn})
	for operation, in := range map[string]m{
		"encrypt":           {"KeyId": "alias/test", "Plaintext": binaryValue([]byte("x"))},
		"decrypt":           {"CiphertextBlob": sealed["CiphertextBlob"]},
		"generate_data_key": {"KeyId": arn, "KeySpec": "AES_256"},
	} {
		b.refuse(t, "DisabledException", arn+" is disabled.", "kms."+operation, in)
	}
	b.call(t, "kms.schedule_key_deletion", m{"KeyId": arn, "PendingWindowInDays": 7})
	b.refuse(t, "KMSInvalidStateException", arn+" is pending deletion.", "kms.enable_key", m{"KeyId": arn})
	b.call(t, "kms.cancel_key_deletion", m{"KeyId": arn})
	if state := at(b.call(t, "kms.describe_key", m{"KeyId": arn}), "KeyMetadata.KeyState"); state != "Disabled" {
		t.Errorf("after the deletion was cancelled the key is %v", state)
	}
	b.call(t, "kms.enable_key", m{"KeyId": arn})
	b.call(t, "kms.decrypt", m{"CiphertextBlob": sealed["CiphertextBlob"]})
}

// TestKeyPairs signs, verifies, and makes codes.
func TestKeyPairs(t *testing.T) {
	t.Parallel()
	b := newBoto(t, startDev(t))
	pair, _ := b.newKey(t, m{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"})
	message := binaryValue([]byte("the message"))
	signed := b.call(t, "kms.sign", m{"KeyId": pair, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256"})
	verify := m{"KeyId": pair, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": signed["Signature"]}
	if got := b.call(t, "kms.verify", verify); got["SignatureValid"] != true {
		t.Errorf("verify: %v", got)
	}
	verify["Message"] = binaryValue([]byte("another message"))
	if a := b.try(t, "kms.verify", verify); a.Code != "KMSInvalidSignatureException" {
		t.Errorf("verify another message: %+v", a)
	}
	codes, _ := b.newKey(t, m{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"})
	made := b.call(t, "kms.generate_mac", m{"KeyId": codes, "Message": message, "MacAlgorithm": "HMAC_SHA_256"})
	checked := b.call(t, "kms.verify_mac", m{"KeyId": codes, "Message": message, "MacAlgorithm": "HMAC_SHA_256", "Mac": made["Mac"]})
	if checked["MacValid"] != true {
		t.Errorf("verify_mac: %v", checked)
	}
}

// TestRotation rotates a key by the clock and on demand; what was encrypted before can still be read, tables too.
func TestRotation(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	b := newBoto(t, s)
	arn, _ := b.newKey(t, nil)
	sealed := b.call(t, "kms.encrypt", m{"KeyId": arn, "Plaintext": binaryValue([]byte("x"))})
	b.call(t, "dynamodb.create_table", tableInput("old", under(arn)))
	b.call(t, "dynamodb.put_item", m{"TableName": "old", "Item": m{"pk": attributeS("p"), "sk": attributeS("s")}})
	b.call(t, "kms.enable_key_rotation", m{"KeyId": arn})
	s.advance(t, "8784h")
	b.call(t, "kms.decrypt", m{"CiphertextBlob": sealed["CiphertextBlob"]})
	if got := b.call(t, "dynamodb.scan", m{"TableName": "old"}); got["Count"] != float64(1) {
		t.Errorf("after a rotation the table holds %v items", got["Count"])
	}
	a := b.try(t, "kms.list_key_rotations", m{"KeyId": arn})
	if strings.HasPrefix(a.Code, "client:") {
		t.Log("this boto3 does not know list_key_rotations: what it answers is not looked at")
		return
	}
	if rotations, _ := a.OK["Rotations"].([]any); len(rotations) != 1 || at(rotations[0].(m), "RotationType") != "AUTOMATIC" {
		t.Errorf("rotations after a year: %+v", a)
	}
}
