package control

import (
	"errors"
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBusyIsNotAway: a server that does not get to taking connections is there all the same.
func TestBusyIsNotAway(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, socketName)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			_, err := Dial(dir)
			if err == nil || errors.Is(err, ErrNotRunning) {
				t.Errorf("while nobody takes connections: %v", err)
			}
			return
		}
		defer conn.Close()
	}
	t.Fatal("the queue never gets full")
}
