package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// The key service under load: keys with the default policy, plaintexts as long as a data key, encryption
// contexts as the database's.

const encryptionContext = `{"aws:dynamodb:tableName":"Benchmark","aws:dynamodb:subscriberId":"123456789012"}`

// keys compares calls of the key service with a constant answer.
func (b *bench) keys() error {
	return b.withInstallation(func(in *installation) error {
		in.sign.service = "kms"
		symmetric, err := in.makeKey(`{}`)
		if err != nil {
			return err
		}
		pair, err := in.makeKey(`{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`)
		if err != nil {
			return err
		}
		text := func(i int) string {
			return base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%032d", i)))
		}
		encrypt := func(i int) string {
			return fmt.Sprintf(`{"KeyId":%q,"Plaintext":%q,"EncryptionContext":%s}`, symmetric, text(i),
				encryptionContext)
		}
		blobs, err := in.encryptAll(encrypt)
		if err != nil {
			return err
		}
		return b.measure(in, []*workload{
			{operation: "Encrypt", title: "Encrypt of 32 B", target: 50,
				requests: in.calls("Encrypt", encrypt)},
			{operation: "Decrypt", title: "Decrypt of 32 B", target: 50,
				requests: in.calls("Decrypt", func(i int) string {
					return fmt.Sprintf(`{"CiphertextBlob":%q,"EncryptionContext":%s}`, blobs[i%len(blobs)],
						encryptionContext)
				})},
			{operation: "GenerateDataKey", title: "GenerateDataKey of 32 B", target: 50,
				requests: in.calls("GenerateDataKey", func(int) string {
					return fmt.Sprintf(`{"KeyId":%q,"KeySpec":"AES_256","EncryptionContext":%s}`, symmetric,
						encryptionContext)
				})},
			{operation: "Sign", title: "Sign with P-256", requests: in.calls("Sign", func(i int) string {
				return fmt.Sprintf(`{"KeyId":%q,"Message":%q,"SigningAlgorithm":"ECDSA_SHA_256"}`, pair,
					text(i))
			})},
		})
	})
}

// distinct is how many requests of one kind are signed.
const distinct = 1024

// calls signs calls with these bodies.
func (in *installation) calls(operation string, body func(i int) string) func() [][]byte {
	sign := in.sign
	return func() [][]byte {
		requests := make([][]byte, distinct)
		for i := range requests {
			requests[i] = sign.request(operation, []byte(body(i)))
		}
		return requests
	}
}

// call makes one call and reads its answer into out, unless that is nil.
func (in *installation) call(operation, body string, out any) error {
	c, err := dial(in.address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	answer, err := c.roundTrip(in.sign.request(operation, []byte(body)))
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// makeKey makes a key and returns its ARN.
func (in *installation) makeKey(body string) (string, error) {
	var made struct{ KeyMetadata struct{ Arn string } }
	err := in.call("CreateKey", body, &made)
	return made.KeyMetadata.Arn, err
}

// encryptAll makes some ciphertexts.
func (in *installation) encryptAll(body func(i int) string) ([]string, error) {
	blobs := make([]string, 64)
	for i := range blobs {
		var made struct{ CiphertextBlob string }
		if err := in.call("Encrypt", body(i), &made); err != nil {
			return nil, err
		}
		blobs[i] = strings.Clone(made.CiphertextBlob)
	}
	return blobs, nil
}
