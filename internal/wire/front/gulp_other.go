//go:build !unix

package front

import (
	"net"
	"sync"
)

// gulp is of no use where descriptors cannot be read directly: connections are read byte for byte at first.
type gulp struct{}

func newGulpBuffers() *sync.Pool { return nil }

func (*gulp) attach(net.Conn, *sync.Pool) {}

func (*gulp) usable() bool { return false }

func (*gulp) holds() bool { return false }

func (*gulp) fill() error { return nil }

func (*gulp) take([]byte) int { return 0 }
