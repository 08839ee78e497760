package control

import (
	"errors"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
)

// sealKeySize is the size of a sealing key.
const sealKeySize = 32

// EncodeSeal gives the body of a Seal request: kind 1 │ key 32 │ parameters. The caller wipes it.
func EncodeSeal(s *seal.NewSeal) ([]byte, error) {
	body := make([]byte, 1+sealKeySize+s.Params.Len())
	body[0] = byte(s.Kind)
	if s.Key.Len() != sealKeySize {
		return nil, errors.New("the sealing key has a wrong length")
	}
	if err := errors.Join(s.Key.CopyTo(body[1:1+sealKeySize]),
		s.Params.CopyTo(body[1+sealKeySize:])); err != nil {
		lockedmem.Wipe(body)
		return nil, err
	}
	return body, nil
}

// DecodeSeal reads what EncodeSeal gives. The caller destroys it, or gives it to a root.
func DecodeSeal(arena *lockedmem.Arena, body []byte) (*seal.NewSeal, error) {
	if len(body) <= 1+sealKeySize {
		return nil, errors.New("the request is cut")
	}
	key, err := arena.New(sealKeySize, func(b []byte) error {
		copy(b, body[1:])
		return nil
	})
	if err != nil {
		return nil, err
	}
	params, err := arena.New(len(body)-1-sealKeySize, func(b []byte) error {
		copy(b, body[1+sealKeySize:])
		return nil
	})
	if err != nil {
		key.Destroy()
		return nil, err
	}
	return &seal.NewSeal{Kind: seal.Kind(body[0]), Params: params, Key: key}, nil
}
