// Package awskms wraps the sealing key of a keyring with a key of AWS KMS, or of another Sealtable.
//
// Callers may rely on this: what was wrapped for one installation opens for no other, because the encryption
// context names the installation; an error says whether the service could not be reached
// (seal.ErrUnavailable) or refused; and the sealing key leaves this machine under TLS only.
//
// The parameters in the keyring are: version 1 │ length of the key's ARN 2 │ ARN │ ciphertext blob of
// Encrypt.
package awskms

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"github.com/sealtable/sealtable/internal/seal"
)

const (
	paramsVersion = 1
	maxARN        = 2048
	contextName   = "sealtable:installation"
	patience      = 20 * time.Second
)

// Options say which key, and where it is. Credentials are found as the AWS SDK finds them.
type Options struct {
	KeyARN   string // for wrapping; for unwrapping the keyring names it
	Endpoint string // of a Sealtable, or of a private endpoint; empty for AWS
}

// Wrapper implements seal.Wrapper.
type Wrapper struct{ options Options }

// New gives a wrapper. It calls nobody yet.
func New(o Options) *Wrapper { return &Wrapper{options: o} }

// Wrap implements seal.Wrapper.
func (w *Wrapper) Wrap(key []byte, installation seal.ID) ([]byte, error) {
	arn := w.options.KeyARN
	if arn == "" {
		return nil, errors.New("say which key: --seal-kms-key ARN")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := w.client(ctx, arn)
	if err != nil {
		return nil, err
	}
	out, err := client.Encrypt(ctx, &kms.EncryptInput{
		KeyId: &arn, Plaintext: key, EncryptionContext: map[string]string{contextName: installation.String()},
	})
	if err != nil {
		return nil, explain(arn, err)
	}
	params := binary.BigEndian.AppendUint16([]byte{paramsVersion}, uint16(len(arn)))
	return append(append(params, arn...), out.CiphertextBlob...), nil
}

// Unwrap implements seal.Wrapper.
func (w *Wrapper) Unwrap(params []byte, installation seal.ID) ([]byte, error) {
	arn, blob, err := parse(params)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := w.client(ctx, arn)
	if err != nil {
		return nil, err
	}
	out, err := client.Decrypt(ctx, &kms.DecryptInput{
		KeyId: &arn, CiphertextBlob: blob,
		EncryptionContext: map[string]string{contextName: installation.String()},
	})
	if err != nil {
		return nil, explain(arn, err)
	}
	return out.Plaintext, nil
}

func parse(params []byte) (arn string, blob []byte, err error) {
	if len(params) < 3 || params[0] != paramsVersion {
		return "", nil, errors.New("the keyring's parameters are of an unknown version")
	}
	size := int(binary.BigEndian.Uint16(params[1:]))
	if rest := params[3:]; size > 0 && size <= maxARN && len(rest) > size {
		return string(rest[:size]), rest[size:], nil
	}
	return "", nil, errors.New("the keyring's parameters are cut")
}

// client is for the region that the key's ARN names.
func (w *Wrapper) client(ctx context.Context, arn string) (*kms.Client, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "kms" || parts[3] == "" ||
		!strings.HasPrefix(parts[5], "key/") {
		return nil, fmt.Errorf("%q is not the ARN of a KMS key", arn)
	}
	settings, err := config.LoadDefaultConfig(ctx, config.WithRegion(parts[3]))
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	client := kms.NewFromConfig(settings, func(o *kms.Options) {
		if w.options.Endpoint != "" {
			o.BaseEndpoint = aws.String(w.options.Endpoint)
		}
	})
	return client, checkEndpoint(aws.ToString(client.Options().BaseEndpoint))
}

// checkEndpoint refuses a place to which the sealing key would travel in the clear, whether a flag, the
// environment or a profile names it: requests are signed, not encrypted. Empty is AWS.
func checkEndpoint(given string) error {
	if given == "" {
		return nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("%q is not the URL of a KMS", given)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" ||
		ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("the sealing key would travel to %s in the clear: give an https endpoint", u.Host)
}

// explain tells what may pass from what will not: an answer that blames the caller, such as
// InvalidCiphertextException, is final, except where somebody can make it go away without touching the
// keyring.
func explain(arn string, err error) error {
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorFault() == smithy.FaultClient && !passing(answer.ErrorCode()) {
		return fmt.Errorf("%s: %w", arn, err)
	}
	return fmt.Errorf("%w: %s: %w", seal.ErrUnavailable, arn, err)
}

// passing are the codes of refusals that may end: the owner enables the key or allows its use, credentials
// are renewed, the rate of calls falls.
func passing(code string) bool {
	switch code {
	case "DisabledException", "KMSInvalidStateException", "ThrottlingException", "LimitExceededException",
		"ExpiredTokenException",
		"AccessDeniedException", "KeyUnavailableException", "ServiceUnavailable", "RequestTimeTooSkewed":
		return true
	}
	return false
}
