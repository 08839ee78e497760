//go:build !pkcs11

// Package pkcs11 stands for the seal by an HSM in programs that were built without it: the tag pkcs11 and cgo
// bring it.
//
// Callers may rely on this: New always refuses.
package pkcs11

import (
	"errors"

	"github.com/sealtable/sealtable/internal/seal"
)

// Available says whether this program has the seal.
const Available = false

// Wrapper has no methods that do anything.
type Wrapper struct{}

var errWithout = errors.New("this program was built without it: build with CGO_ENABLED=1 go build " +
	"-tags pkcs11")

// New refuses.
func New(Options) (*Wrapper, error) { return nil, errWithout }

// Wrap refuses.
func (w *Wrapper) Wrap([]byte, seal.ID) ([]byte, error) { return nil, errWithout }

// Unwrap refuses.
func (w *Wrapper) Unwrap([]byte, seal.ID) ([]byte, error) { return nil, errWithout }
