package pkcs11

import "errors"

// Options say where the key is.
type Options struct {
	Module string // the shared library of the HSM's maker
	Token  string // label; for wrapping, the keyring names it afterwards
	Key    string // label of an AES key; likewise
	PIN    func() ([]byte, error)
}

// stored is what a keyring says about its seal.
type stored struct {
	token, key    string
	nonce, sealed []byte
}

var errCut = errors.New("the keyring's parameters are cut")

func parse(b []byte) (p stored, err error) {
	if len(b) == 0 || b[0] != 1 {
		return p, errors.New("the keyring's parameters are of an unknown version")
	}
	b = b[1:]
	for _, field := range []*string{&p.token, &p.key} {
		if len(b) == 0 || len(b)-1 < int(b[0]) {
			return p, errCut
		}
		*field, b = string(b[1:1+int(b[0])]), b[1+int(b[0]):]
	}
	if len(b) < 12+16 {
		return p, errCut
	}
	p.nonce, p.sealed = b[:12], b[12:]
	return p, nil
}
