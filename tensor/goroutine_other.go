//go:build !amd64 && !arm64

package tensor

// goroutine doesn't tell goroutines apart on other processors, so their mistakes go unnoticed there.
func goroutine() uintptr { return 1 }
