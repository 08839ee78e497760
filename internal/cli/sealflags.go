package cli

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/seal/awskms"
	"github.com/sealtable/sealtable/internal/seal/pkcs11"
)

// parseSeal reads the value of --seal; 0 stands for none.
func parseSeal(name string) (seal.Kind, error) {
	if name == "" {
		return 0, nil
	}
	kind, err := seal.ParseKind(name)
	if err != nil {
		return 0, usageError(fmt.Errorf("--seal: %w", err))
	}
	return kind, nil
}

// externalFlags say where the key is that a seal outside of this machine uses.
type externalFlags struct {
	kms awskms.Options
	hsm pkcs11.Options
}

func (f *externalFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.kms.KeyARN, "seal-kms-key", "", "ARN of the KMS key of the awskms seal, when it "+
		"is made")
	flags.StringVar(&f.kms.Endpoint, "seal-kms-endpoint", "",
		"URL of the KMS of the awskms seal; AWS by default")
	flags.StringVar(&f.hsm.Module, "pkcs11-module", "", "library of the HSM of the pkcs11 seal")
	flags.StringVar(&f.hsm.Token, "pkcs11-token", "", "label of the token, when a pkcs11 seal is made")
	flags.StringVar(&f.hsm.Key, "pkcs11-key", "", "label of an AES key in it, when a pkcs11 seal is made")
}

// wrappers gives what seals need that are outside of this machine. The PIN of a token comes from where
// passphrases come from.
func (f *externalFlags) wrappers(pin func() ([]byte, error)) func(seal.Kind) (seal.Wrapper, error) {
	return func(kind seal.Kind) (seal.Wrapper, error) { return f.wrapper(kind, pin) }
}

func (f *externalFlags) wrapper(kind seal.Kind, pin func() ([]byte, error)) (seal.Wrapper, error) {
	if kind == seal.AWSKMS {
		return awskms.New(f.kms), nil
	}
	hsm := f.hsm
	hsm.PIN = pin
	return pkcs11.New(hsm)
}
