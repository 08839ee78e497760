package pkcs11

import (
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x01\x05vault\x04root" + strings.Repeat("n", 12) + strings.Repeat("c", 48)))
	f.Add([]byte{1, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parse(b)
		if err == nil && 1+2+len(p.token)+len(p.key)+len(p.nonce)+len(p.sealed) != len(b) {
			t.Errorf("%+v of %x", p, b)
		}
	})
}
