//go:build !linux

package runner

import (
	"errors"
	"net"
)

// A Sandbox is a program that runs. There is none on this platform.
type Sandbox struct {
	Runtime, Service net.Listener
}

// Start refuses: functions are confined by what Linux offers.
func (r *Runner) Start(Program) (*Sandbox, error) {
	return nil, errors.New("functions run on Linux alone")
}

// Done never is.
func (s *Sandbox) Done() <-chan struct{} { return nil }

// Ended is empty.
func (s *Sandbox) Ended() string { return "" }

// Close does nothing.
func (s *Sandbox) Close() {}

// Memory is 0.
func (s *Sandbox) Memory() int64 { return 0 }

// Stored is 0.
func (s *Sandbox) Stored() int64 { return 0 }
