package simd

import (
	"syscall"
	"unsafe"
)

// permitTiles requests the permission to use tiles from Linux (5.16 or later), and checks that it was granted, which implies that
// the system has enabled tiles in XCR0.
func permitTiles() bool {
	const getPermission, requestPermission, tileData = 0x1022, 0x1023, 18 // of arch_prctl
	if _, _, err := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0); err != 0 {
		return false
	}
	var features uint64
	_, _, err := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, getPermission, uintptr(unsafe.Pointer(&features)), 0)
	return err == 0 && features>>tileData&1 != 0
}
