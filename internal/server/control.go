package server

import (
	"context"
	"fmt"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/control"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
)

// openControl lets the command line speak to this server. Where no socket can be made, as in a directory that
// may not be written to, the server runs without: then keys can be changed while it is stopped.
func (s *Server) openControl(context.Context) error {
	listening, err := control.Listen(s.config.ConfigDir, operatorCalls{s}, s.log)
	if err != nil {
		s.log.Warn("sealtable keys cannot speak to this server while it runs", "error", err)
		return nil
	}
	s.control = listening
	return nil
}

// operatorCalls is what the command line may ask of a server that runs.
type operatorCalls struct{ server *Server }

// Sealed implements control.Handler.
func (o operatorCalls) Sealed() bool { return o.server.sealed.Load() }

// IsSealed implements control.Handler.
func (o operatorCalls) IsSealed(err error) bool { return waits(err) }

// Key implements control.Handler.
func (o operatorCalls) Key() (*lockedmem.Key, error) {
	return o.server.root.InstallationKey(seal.Control)
}

// KeysChange is what rotate and rewrap answer.
type KeysChange struct {
	Version uint32 `json:"version"` // of the root key that wraps now
	Keys    int    `json:"keys"`    // KMS keys whose material was wrapped anew
}

// details are for the trail.
func (c *KeysChange) details() []auth.Parameter {
	if c == nil {
		return nil
	}
	return []auth.Parameter{{Name: "version", Value: c.Version}, {Name: "keys", Value: c.Keys}}
}

// Do implements control.Handler.
func (o operatorCalls) Do(ctx context.Context, operation string, body []byte) (any, error) {
	s := o.server
	switch operation {
	case control.Unseal:
		return nil, s.unseal(ctx, body)
	case control.Rotate:
		change, err := s.rotateRoot()
		s.recordOperator("RotateRootKey", err, change.details()...)
		return change, err
	case control.Rewrap:
		change, err := s.rewrap(ctx)
		s.recordOperator("RewrapKeys", err, change.details()...)
		return change, err
	case control.Accounts:
		s.takeNotes()
		return nil, s.loadAccounts()
	case control.Seal:
		err := s.takeSeal(body)
		s.recordOperator("ChangeSeal", err,
			auth.Parameter{Name: "seal", Value: s.root.Status().Seal.String()})
		return nil, err
	}
	return nil, fmt.Errorf("this server knows no operation %q: is it of another version?", operation)
}

func (s *Server) rotateRoot() (*KeysChange, error) {
	if err := s.root.Rotate(); err != nil {
		return nil, err
	}
	versions := s.root.Status().Versions
	return &KeysChange{Version: versions[len(versions)-1].Version}, nil
}

// rewrap makes a root key and wraps the material of one key after the other under it. Calls that use a key go
// on meanwhile: what is open in memory does not change. Cut short at any point, all of it opens with the
// keyring that is there.
func (s *Server) rewrap(ctx context.Context) (*KeysChange, error) {
	change, err := s.rotateRoot()
	if err != nil {
		return nil, err
	}
	change.Keys, err = s.keys.Rewrap(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: what was done is kept and everything still opens; start keys "+
			"rewrap again", err)
	}
	return change, nil
}

func (s *Server) takeSeal(body []byte) error {
	made, err := control.DecodeSeal(s.arena, body)
	if err != nil {
		return err
	}
	if err := s.root.TakeSeal(made); err != nil {
		made.Destroy()
		return err
	}
	return nil
}
