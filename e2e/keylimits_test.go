package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A refusal is a call of the key service that goes beyond one limit, and its answer.
type refusal struct {
	operation string
	in        m
	code      string
	message   string // "" stands for any, since AWS's is not known; "(empty)" for none
}

const wrong = "1 validation error detected: "

func letters(n int) string { return strings.Repeat("x", n) }

func pairs(n, length int) m {
	out := m{}
	for i := range n {
		out[fmt.Sprint("key", i)] = letters(length)
	}
	return out
}

func tags(n int) []m {
	out := make([]m, n)
	for i := range out {
		out[i] = m{"TagKey": fmt.Sprint("key", i), "TagValue": "v"}
	}
	return out
}

// policyOf is a key policy of that many bytes.
func policyOf(n int) string {
	const head, tail = `{"Version":"2012-10-17","Id":"`, `","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}]}`
	return head + letters(n-len(head)-len(tail)) + tail
}

// plaintextRefusals are about what is encrypted, signed and generated.
func plaintextRefusals(key, rsa, pair, mac string) []refusal {
	return []refusal{
		{"Encrypt", m{"KeyId": key, "Plaintext": bytes.Repeat([]byte{1}, 4097)}, "ValidationException",
			wrong + "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"},
		{"Encrypt", m{"KeyId": key, "Plaintext": []byte{}}, "ValidationException",
			wrong + "Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"Encrypt", m{"KeyId": key}, "ValidationException", wrong + "Value at 'plaintext' failed to satisfy constraint: Member must not be null"},
		{"Encrypt", m{"KeyId": rsa, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256", "Plaintext": make([]byte, 191)}, "ValidationException",
			"Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes."},
		{"Encrypt", m{"KeyId": rsa, "EncryptionAlgorithm": "RSAES_OAEP_SHA_1", "Plaintext": make([]byte, 215)}, "ValidationException",
			"Algorithm RSAES_OAEP_SHA_1 and key spec RSA_2048 cannot encrypt data larger than 214 bytes."},
		{"Encrypt", m{"KeyId": rsa, "EncryptionAlgorithm": "RSAES_OAEP_SHA_1", "Plaintext": make([]byte, 2), "EncryptionContext": m{"a": "b"}}, "ValidationException", ""},
		{"Encrypt", m{"KeyId": "", "Plaintext": []byte{1}}, "ValidationException",
			wrong + "Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"Encrypt", m{"KeyId": letters(2049), "Plaintext": []byte{1}}, "ValidationException",
			wrong + "Value '" + letters(2049) + "' at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		{"Encrypt", m{"KeyId": key, "Plaintext": []byte{1}, "GrantTokens": make([]string, 11)}, "ValidationException", ""},
		{"Encrypt", m{"KeyId": key, "Plaintext": []byte{1}, "GrantTokens": []string{letters(8193)}}, "ValidationException", ""},
		{"Encrypt", m{"KeyId": key, "Plaintext": []byte{1}, "EncryptionAlgorithm": "ROT13"}, "ValidationException", wrong + "Value 'ROT13' at 'encryptionAlgorithm' " +
			"failed to satisfy constraint: Member must satisfy enum value set: [SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE]"},
		{"Sign", m{"KeyId": pair, "SigningAlgorithm": "ECDSA_SHA_256", "Message": make([]byte, 4097)}, "ValidationException",
			wrong + "Value at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096"},
		{"Sign", m{"KeyId": pair, "SigningAlgorithm": "ECDSA_SHA_256", "Message": []byte{}}, "ValidationException",
			wrong + "Value at 'message' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"Sign", m{"KeyId": pair, "SigningAlgorithm": "ECDSA_SHA_256", "MessageType": "DIGEST", "Message": make([]byte, 31)}, "ValidationException",
			"Digest is invalid length for algorithm ECDSA_SHA_256."},
		{"GenerateMac", m{"KeyId": mac, "MacAlgorithm": "HMAC_SHA_256", "Message": make([]byte, 4097)}, "ValidationException",
			wrong + "Value at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096"},
		{"GenerateMac", m{"KeyId": mac, "MacAlgorithm": "HMAC_SHA_384", "Message": make([]byte, 1)}, "InvalidKeyUsageException",
			"Algorithm HMAC_SHA_384 is incompatible with key spec HMAC_256."},
		{"GenerateDataKey", m{"KeyId": key}, "ValidationException", "Please specify either number of bytes or key spec."},
		{"GenerateDataKey", m{"KeyId": key, "KeySpec": "AES_256", "NumberOfBytes": 32}, "ValidationException", "Please specify either number of bytes or key spec."},
		{"GenerateDataKey", m{"KeyId": key, "NumberOfBytes": 1025}, "ValidationException",
			wrong + "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"},
		{"GenerateDataKey", m{"KeyId": key, "NumberOfBytes": 0}, "ValidationException",
			wrong + "Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"GenerateRandom", m{}, "ValidationException", "NumberOfBytes is required."},
		{"GenerateRandom", m{"NumberOfBytes": 1025}, "ValidationException",
			wrong + "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"},
		{"GenerateRandom", m{"NumberOfBytes": 1e30}, "SerializationException", ""},
		{"GenerateRandom", m{"NumberOfBytes": 1.5}, "SerializationException", ""},
	}
}

// keyRefusals are about keys, their names, policies and tags.
func keyRefusals(key string) []refusal {
	return []refusal{
		{"CreateKey", m{"Description": letters(8193)}, "ValidationException", ""},
		{"UpdateKeyDescription", m{"KeyId": key, "Description": letters(8193)}, "ValidationException", ""},
		{"CreateKey", m{"Policy": policyOf(32769)}, "LimitExceededException", ""},
		{"PutKeyPolicy", m{"KeyId": key, "Policy": policyOf(32769)}, "LimitExceededException", ""},
		{"PutKeyPolicy", m{"KeyId": key, "Policy": policyOf(131073)}, "ValidationException", ""},
		{"PutKeyPolicy", m{"KeyId": key, "Policy": ""}, "ValidationException", ""},
		{"PutKeyPolicy", m{"KeyId": key, "Policy": "{\x01}"}, "ValidationException", ""},
		{"PutKeyPolicy", m{"KeyId": key, "Policy": "{"}, "MalformedPolicyDocumentException", ""},
		{"CreateKey", m{"Tags": tags(51)}, "TagException", "Too many tags"},
		{"TagResource", m{"KeyId": key, "Tags": tags(51)}, "TagException", "Too many tags"},
		{"TagResource", m{"KeyId": key, "Tags": []m{{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}}}, "TagException", "Duplicate tag keys"},
		{"TagResource", m{"KeyId": key, "Tags": []m{{"TagKey": "AWS:x", "TagValue": ""}}}, "TagException", "Tags beginning with aws: are reserved"},
		{"TagResource", m{"KeyId": key, "Tags": []m{{"TagKey": letters(129), "TagValue": ""}}}, "ValidationException", ""},
		{"TagResource", m{"KeyId": key, "Tags": []m{{"TagKey": "", "TagValue": ""}}}, "ValidationException", ""},
		{"TagResource", m{"KeyId": key, "Tags": []m{{"TagKey": "a", "TagValue": letters(257)}}}, "ValidationException", ""},
		{"CreateAlias", m{"AliasName": "alias/" + letters(251), "TargetKeyId": key}, "ValidationException",
			wrong + "Value 'alias/" + letters(251) + "' at 'aliasName' failed to satisfy constraint: Member must have length less than or equal to 256"},
		{"CreateAlias", m{"AliasName": "", "TargetKeyId": key}, "ValidationException", ""},
		{"CreateAlias", m{"AliasName": "test", "TargetKeyId": key}, "ValidationException",
			`Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`},
		{"CreateAlias", m{"AliasName": "alias/a b", "TargetKeyId": key}, "ValidationException",
			wrong + "Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
		{"CreateAlias", m{"AliasName": "alias/aws/mine", "TargetKeyId": key}, "NotAuthorizedException", "(empty)"},
		{"ScheduleKeyDeletion", m{"KeyId": key, "PendingWindowInDays": 6}, "ValidationException", ""},
		{"ScheduleKeyDeletion", m{"KeyId": key, "PendingWindowInDays": 31}, "ValidationException", ""},
		{"ScheduleKeyDeletion", m{"KeyId": key, "PendingWindowInDays": 366}, "ValidationException", ""},
		{"EnableKeyRotation", m{"KeyId": key, "RotationPeriodInDays": 89}, "ValidationException", ""},
		{"EnableKeyRotation", m{"KeyId": key, "RotationPeriodInDays": 2561}, "ValidationException", ""},
		{"ListKeys", m{"Limit": 1001}, "ValidationException",
			wrong + "Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{"ListKeys", m{"Limit": 0}, "ValidationException", ""},
		{"ListKeys", m{"Marker": letters(1025)}, "ValidationException", ""},
		{"ListKeys", m{"Marker": "x y"}, "InvalidMarkerException", ""},
		{"ListKeyRotations", m{"KeyId": key, "Marker": "eHl6"}, "InvalidMarkerException", ""},
		{"DescribeKey", m{"KeyId": "fake-key-id"}, "NotFoundException", "Invalid keyId 'fake-key-id'"},
	}
}

// grantRefusals are about grants and imports.
func grantRefusals(key, external string) []refusal {
	grant := func(change m) m {
		in := m{"KeyId": key, "GranteePrincipal": "arn:aws:iam::123456789012:root", "Operations": []string{"Encrypt"}}
		for name, value := range change {
			in[name] = value
		}
		return in
	}
	return []refusal{
		{"CreateGrant", grant(m{"Name": letters(257)}), "ValidationException", ""},
		{"CreateGrant", grant(m{"Name": "a b"}), "ValidationException",
			wrong + "Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
		{"CreateGrant", grant(m{"GranteePrincipal": letters(257)}), "ValidationException", ""},
		{"CreateGrant", grant(m{"GranteePrincipal": "arn:aws:iam::123456789012:user/a b"}), "ValidationException", ""},
		{"CreateGrant", grant(m{"Operations": []string{"Fly"}}), "ValidationException", ""},
		{"CreateGrant", grant(m{"Operations": []string{}}), "ValidationException", ""},
		{"CreateGrant", grant(m{"Operations": []string{"Sign"}}), "ValidationException", ""},
		{"CreateGrant", grant(m{"Constraints": m{"EncryptionContextSubset": pairs(9, 1)}}), "ValidationException", ""},
		{"CreateGrant", grant(m{"Constraints": m{"EncryptionContextEquals": pairs(1, 385)}}), "ValidationException", ""},
		{"CreateGrant", grant(m{"Constraints": m{"EncryptionContextEquals": pairs(1, 1), "EncryptionContextSubset": pairs(1, 1)}}), "ValidationException", ""},
		{"RevokeGrant", m{"KeyId": key, "GrantId": letters(129)}, "ValidationException", ""},
		{"RetireGrant", m{"GrantToken": letters(8193)}, "ValidationException", ""},
		{"RetireGrant", m{"GrantToken": "AAAA"}, "InvalidGrantTokenException", ""},
		{"GetParametersForImport", m{"KeyId": external, "WrappingAlgorithm": "ROT13", "WrappingKeySpec": "RSA_2048"}, "ValidationException", ""},
		{"GetParametersForImport", m{"KeyId": external, "WrappingAlgorithm": "RSAES_PKCS1_V1_5", "WrappingKeySpec": "RSA_2048"}, "UnsupportedOperationException", ""},
		{"GetParametersForImport", m{"KeyId": external, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_1024"}, "ValidationException", ""},
		{"ImportKeyMaterial", m{"KeyId": external, "ImportToken": make([]byte, 6145), "EncryptedKeyMaterial": []byte{1}}, "ValidationException", ""},
		{"ImportKeyMaterial", m{"KeyId": external, "ImportToken": []byte{1}, "EncryptedKeyMaterial": []byte{1}, "ExpirationModel": "KEY_MATERIAL_EXPIRES",
			"ValidTo": time.Now().Add(400 * 24 * time.Hour).Unix()}, "ValidationException", ""},
		{"ImportKeyMaterial", m{"KeyId": external, "ImportToken": []byte{1}, "EncryptedKeyMaterial": []byte{1}, "KeyMaterialId": "00"}, "ValidationException", ""},
		{"ImportKeyMaterial", m{"KeyId": external, "ImportToken": []byte{1}, "EncryptedKeyMaterial": []byte{1},
			"KeyMaterialDescription": letters(257)}, "ValidationException", ""},
	}
}

// TestKeyServiceLimits goes beyond every limit of the key service, and looks that the key is as it was.
func TestKeyServiceLimits(t *testing.T) {
	t.Parallel()
	r := newRaw(startDev(t))
	made := func(in m) string { return fmt.Sprint(at(r.call(t, "kms.CreateKey", in), "KeyMetadata.Arn")) }
	key, external := made(m{"Description": "as it was"}), made(m{"Origin": "EXTERNAL"})
	rsa := made(m{"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"})
	pair, mac := made(m{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}), made(m{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"})
	var all []refusal
	all = append(all, plaintextRefusals(key, rsa, pair, mac)...)
	all = append(all, keyRefusals(key)...)
	all = append(all, grantRefusals(key, external)...)
	for i, c := range all {
		got, err := r.do(t.Context(), "kms."+c.operation, c.in)
		if err != nil {
			t.Fatal(err)
		}
		message := got.Message
		if message == "" {
			message = "(empty)"
		}
		if got.Status != http.StatusBadRequest || got.Code != c.code || c.message != "" && message != c.message {
			t.Errorf("%d, %s: %d %s: %.300s", i, c.operation, got.Status, got.Code, message)
		}
	}
	for i := range 50 {
		r.call(t, "kms.CreateAlias", m{"AliasName": fmt.Sprint("alias/", i), "TargetKeyId": key})
	}
	if got, err := r.do(t.Context(), "kms.CreateAlias", m{"AliasName": "alias/51", "TargetKeyId": key}); err != nil || got.Code != "LimitExceededException" {
		t.Errorf("a key with more than 50 aliases: %+v %v", got, err)
	}
	after := r.call(t, "kms.DescribeKey", m{"KeyId": key})
	if at(after, "KeyMetadata.Description") != "as it was" || at(after, "KeyMetadata.KeyState") != "Enabled" {
		t.Errorf("the key was changed: %v", after)
	}
	if left := r.call(t, "kms.ListGrants", m{"KeyId": key})["Grants"].([]any); len(left) != 0 {
		t.Errorf("a refused grant was made: %v", left)
	}
	r.call(t, "kms.PutKeyPolicy", m{"KeyId": key, "Policy": policyOf(32768)})
	r.call(t, "kms.Encrypt", m{"KeyId": key, "Plaintext": make([]byte, 4096)})
	r.call(t, "kms.CreateGrant", m{"KeyId": key, "GranteePrincipal": "arn:aws:iam::123456789012:root", "Operations": []string{"Encrypt"},
		"Constraints": m{"EncryptionContextSubset": pairs(8, 384)}})
}

// TestBadCiphertextsGetOneAnswer sends a ciphertext with each of its bytes changed, cut and extended, and those of nobody: the answers are the
// same to the byte.
func TestBadCiphertextsGetOneAnswer(t *testing.T) {
	t.Parallel()
	r := newRaw(startDev(t))
	key := fmt.Sprint(at(r.call(t, "kms.CreateKey", m{}), "KeyMetadata.Arn"))
	context := m{"tenant": "1"}
	sealed := r.call(t, "kms.Encrypt", m{"KeyId": key, "Plaintext": []byte("x"), "EncryptionContext": context})["CiphertextBlob"]
	good, err := base64.StdEncoding.DecodeString(sealed.(string))
	if err != nil {
		t.Fatal(err)
	}
	calls := []m{
		{"CiphertextBlob": good}, {"CiphertextBlob": good, "EncryptionContext": m{"tenant": "2"}}, {"CiphertextBlob": bytes.Repeat([]byte{1}, len(good))},
		{"CiphertextBlob": append(bytes.Clone(good), 0), "EncryptionContext": context}, {"CiphertextBlob": make([]byte, 6144)},
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x80
		calls = append(calls, m{"CiphertextBlob": bad, "EncryptionContext": context})
		if i > 0 {
			calls = append(calls, m{"CiphertextBlob": good[:i], "EncryptionContext": context})
		}
	}
	var first reply
	for i, in := range calls {
		for _, named := range []bool{false, true} {
			if named {
				in["KeyId"] = key
			}
			got, err := r.do(t.Context(), "kms.Decrypt", in)
			if err != nil {
				t.Fatal(err)
			}
			if first.Status == 0 {
				first = got
			}
			if got.Code != "InvalidCiphertextException" || got.Message != "" || got.Status != first.Status || !bytes.Equal(got.Body, first.Body) {
				t.Errorf("%d, named %v: %d %s", i, named, got.Status, got.Body)
			}
		}
	}
	for _, blob := range [][]byte{{}, make([]byte, 6145)} {
		if got, err := r.do(t.Context(), "kms.Decrypt", m{"CiphertextBlob": blob}); err != nil || got.Code != "ValidationException" {
			t.Errorf("a ciphertext of %d bytes: %+v %v", len(blob), got, err)
		}
	}
}
