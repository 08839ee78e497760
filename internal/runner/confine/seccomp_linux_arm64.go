package confine

import "golang.org/x/sys/unix"

const (
	architecture  = unix.AUDIT_ARCH_AARCH64
	highestNumber = 0x7fffffff
)

// refusedHere are calls that this architecture alone has.
func refusedHere() []uint32 { return []uint32{unix.SYS_KEXEC_FILE_LOAD} }
