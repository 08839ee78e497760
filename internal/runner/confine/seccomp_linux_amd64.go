package confine

import "golang.org/x/sys/unix"

const (
	architecture = unix.AUDIT_ARCH_X86_64
	// highestNumber is one below the bit that marks calls of the x32 interface.
	highestNumber = 0x3fffffff
)

// refusedHere are calls that this architecture alone has.
func refusedHere() []uint32 {
	return []uint32{unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT, unix.SYS_USELIB, unix.SYS_USTAT,
		unix.SYS_KEXEC_FILE_LOAD}
}
