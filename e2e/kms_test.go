package e2e

import (
	"encoding/base64"
	"testing"
)

// TestKeyService encrypts and decrypts: by id, ARN and alias, with encryption contexts, and with keys that refuse.
func TestKeyService(t *testing.T) {
	t.Parallel()
	eachClient(t, testKeyService)
}

func testKeyService(t *testing.T, connect func(s *server) *client) {
	b := connect(startDev(t))
	arn, id := b.newKey(t, m{"Description": "of the test", "Tags": []m{{"TagKey": "a", "TagValue": "b"}}})
	b.call(t, "kms.CreateAlias", m{"AliasName": "alias/test", "TargetKeyId": id})
	for _, name := range []string{id, arn, "alias/test", "arn:aws:kms:us-east-1:123456789012:alias/test"} {
		roundTrip(t, b, name, arn)
	}
	testContexts(t, b, arn)
	testDataKeys(t, b, arn)
	testDisabledKey(t, b, arn)
}

func roundTrip(t *testing.T, b *client, name, arn string) {
	t.Helper()
	plaintext := binaryValue([]byte("the plaintext \x00\xff"))
	sealed := b.call(t, "kms.Encrypt", m{"KeyId": name, "Plaintext": plaintext})
	if sealed["KeyId"] != arn || sealed["EncryptionAlgorithm"] != "SYMMETRIC_DEFAULT" {
		t.Errorf("encrypt with %s: %v", name, sealed)
	}
	for _, key := range []m{{}, {"KeyId": name}} {
		key["CiphertextBlob"] = sealed["CiphertextBlob"]
		opened := b.call(t, "kms.Decrypt", key)
		if opened["Plaintext"] != plaintext || opened["KeyId"] != arn {
			t.Errorf("decrypt: %v", opened)
		}
	}
}

func testContexts(t *testing.T, b *client, arn string) {
	sealed := b.call(t, "kms.Encrypt", m{"KeyId": arn, "Plaintext": binaryValue([]byte("x")), "EncryptionContext": m{"one": "1", "two": "2"}})
	blob := sealed["CiphertextBlob"].(string)
	b.call(t, "kms.Decrypt", m{"CiphertextBlob": blob, "EncryptionContext": m{"two": "2", "one": "1"}})
	other, _ := b.newKey(t, nil)
	moved := b.call(t, "kms.ReEncrypt", m{"CiphertextBlob": blob, "SourceEncryptionContext": m{"one": "1", "two": "2"}, "DestinationKeyId": other,
		"DestinationEncryptionContext": m{"three": "3"}})
	if moved["KeyId"] != other || moved["SourceKeyId"] != arn {
		t.Errorf("re_encrypt: %v", moved)
	}
	b.call(t, "kms.Decrypt", m{"CiphertextBlob": moved["CiphertextBlob"], "EncryptionContext": m{"three": "3"}})
	for name, in := range map[string]m{
		"no context":      {"CiphertextBlob": blob},
		"part of it":      {"CiphertextBlob": blob, "EncryptionContext": m{"one": "1"}},
		"another value":   {"CiphertextBlob": blob, "EncryptionContext": m{"one": "1", "two": "3"}},
		"of another case": {"CiphertextBlob": blob, "EncryptionContext": m{"one": "1", "Two": "2"}},
		"no ciphertext":   {"CiphertextBlob": binaryValue([]byte("nonsense"))},
		"a flipped bit":   {"CiphertextBlob": flipped(t, blob), "EncryptionContext": m{"one": "1", "two": "2"}},
	} {
		if a := b.try(t, "kms.Decrypt", in); a.Code != "InvalidCiphertextException" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	a := b.try(t, "kms.Decrypt", m{"KeyId": other, "CiphertextBlob": blob, "EncryptionContext": m{"one": "1", "two": "2"}})
	if a.Code != "IncorrectKeyException" {
		t.Errorf("decrypt with another key: %+v", a)
	}
}

func flipped(t *testing.T, blob string) string {
	t.Helper()
	content, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	return binaryValue(content)
}

func testDataKeys(t *testing.T, b *client, arn string) {
	made := b.call(t, "kms.GenerateDataKey", m{"KeyId": arn, "KeySpec": "AES_256", "EncryptionContext": m{"a": "b"}})
	opened := b.call(t, "kms.Decrypt", m{"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": m{"a": "b"}})
	if made["Plaintext"] != opened["Plaintext"] {
		t.Error("a data key differs from what its ciphertext opens to")
	}
	hidden := b.call(t, "kms.GenerateDataKeyWithoutPlaintext", m{"KeyId": arn, "NumberOfBytes": 64})
	if hidden["Plaintext"] != nil {
		t.Error("generate_data_key_without_plaintext gave the plaintext")
	}
}

func testDisabledKey(t *testing.T, b *client, arn string) {
	sealed := b.call(t, "kms.Encrypt", m{"KeyId": arn, "Plaintext": binaryValue([]byte("x"))})
	b.call(t, "kms.DisableKey", m{"KeyId": arn})
	for operation, in := range map[string]m{
		"Encrypt":         {"KeyId": "alias/test", "Plaintext": binaryValue([]byte("x"))},
		"Decrypt":         {"CiphertextBlob": sealed["CiphertextBlob"]},
		"GenerateDataKey": {"KeyId": arn, "KeySpec": "AES_256"},
	} {
		b.refuse(t, "DisabledException", arn+" is disabled.", "kms."+operation, in)
	}
	b.call(t, "kms.ScheduleKeyDeletion", m{"KeyId": arn, "PendingWindowInDays": 7})
	b.refuse(t, "KMSInvalidStateException", arn+" is pending deletion.", "kms.EnableKey", m{"KeyId": arn})
	b.call(t, "kms.CancelKeyDeletion", m{"KeyId": arn})
	if state := at(b.call(t, "kms.DescribeKey", m{"KeyId": arn}), "KeyMetadata.KeyState"); state != "Disabled" {
		t.Errorf("after the deletion was cancelled the key is %v", state)
	}
	b.call(t, "kms.EnableKey", m{"KeyId": arn})
	b.call(t, "kms.Decrypt", m{"CiphertextBlob": sealed["CiphertextBlob"]})
}

// TestKeyPairs signs, verifies, and makes codes.
func TestKeyPairs(t *testing.T) {
	t.Parallel()
	eachClient(t, testKeyPairs)
}

func testKeyPairs(t *testing.T, connect func(s *server) *client) {
	b := connect(startDev(t))
	pair, _ := b.newKey(t, m{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"})
	message := binaryValue([]byte("the message"))
	signed := b.call(t, "kms.Sign", m{"KeyId": pair, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256"})
	verify := m{"KeyId": pair, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": signed["Signature"]}
	if got := b.call(t, "kms.Verify", verify); got["SignatureValid"] != true {
		t.Errorf("verify: %v", got)
	}
	verify["Message"] = binaryValue([]byte("another message"))
	if a := b.try(t, "kms.Verify", verify); a.Code != "KMSInvalidSignatureException" {
		t.Errorf("verify another message: %+v", a)
	}
	codes, _ := b.newKey(t, m{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"})
	made := b.call(t, "kms.GenerateMac", m{"KeyId": codes, "Message": message, "MacAlgorithm": "HMAC_SHA_256"})
	checked := b.call(t, "kms.VerifyMac", m{"KeyId": codes, "Message": message, "MacAlgorithm": "HMAC_SHA_256", "Mac": made["Mac"]})
	if checked["MacValid"] != true {
		t.Errorf("verify_mac: %v", checked)
	}
}

// TestRotation rotates a key by the clock and on demand; what was encrypted before can still be read, tables too.
func TestRotation(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	b := newClient(s)
	arn, _ := b.newKey(t, nil)
	sealed := b.call(t, "kms.Encrypt", m{"KeyId": arn, "Plaintext": binaryValue([]byte("x"))})
	b.call(t, "dynamodb.CreateTable", tableInput("old", under(arn)))
	b.call(t, "dynamodb.PutItem", m{"TableName": "old", "Item": m{"pk": attributeS("p"), "sk": attributeS("s")}})
	b.call(t, "kms.EnableKeyRotation", m{"KeyId": arn})
	s.advance(t, "8784h")
	b.call(t, "kms.Decrypt", m{"CiphertextBlob": sealed["CiphertextBlob"]})
	if got := b.call(t, "dynamodb.Scan", m{"TableName": "old"}); got["Count"] != float64(1) {
		t.Errorf("after a rotation the table holds %v items", got["Count"])
	}
	a := b.try(t, "kms.ListKeyRotations", m{"KeyId": arn})
	if rotations, _ := a.OK["Rotations"].([]any); len(rotations) != 1 || at(rotations[0].(m), "RotationType") != "AUTOMATIC" {
		t.Errorf("rotations after a year: %+v", a)
	}
}
