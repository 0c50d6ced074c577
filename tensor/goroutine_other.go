//go:build !amd64 && !arm64

package tensor

import (
	"bytes"
	"runtime"
	"strconv"
)

// goroutine returns the number of the calling goroutine. It takes microseconds.
func goroutine() uintptr {
	var text [64]byte // "goroutine 18 [running]:"
	fields := bytes.Fields(text[:runtime.Stack(text[:], false)])
	if len(fields) < 2 {
		return 1
	}
	n, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 1
	}
	return uintptr(n)
}
