//go:build !amd64 && !arm64

package tensor

// goroutine returns the same number for all goroutines: on other processors, concurrent use of a device is not detected.
func goroutine() uintptr { return 1 }
