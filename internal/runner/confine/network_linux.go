package confine

import (
	"encoding/json"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// passListeners brings up the loopback interface of a new network namespace, listens on both ports, and hands
// the listeners to the server. There is no other interface and no route, so they are the only ways out.
func passListeners(server *net.UnixConn, ports [2]uint16) error {
	if err := raiseLoopback(); err != nil {
		return fmt.Errorf("raising lo: %w", err)
	}
	var descriptors []int
	for _, port := range ports {
		listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
		if err != nil {
			return err
		}
		defer listener.Close()
		file, err := listener.File()
		if err != nil {
			return err
		}
		defer file.Close()
		descriptors = append(descriptors, int(file.Fd()))
	}
	line, err := json.Marshal(Report{Listening: true})
	if err != nil {
		return err
	}
	_, _, err = server.WriteMsgUnix(append(line, '\n'), unix.UnixRights(descriptors...), nil)
	return err
}

func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return os.NewSyscallError("ioctl", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request))
}
