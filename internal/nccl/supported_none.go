//go:build !linux || !(amd64 || arm64) || nocuda

package nccl

import (
	"errors"
	"runtime"
)

// supported returns why this binary can't open NCCL.
func supported() error {
	if runtime.GOOS == "linux" {
		return errors.New("NCCL isn't available, as this binary was built without CUDA (-tags nocuda, or a processor other than amd64 and arm64); use a binary with CUDA")
	}
	return errors.New("NCCL isn't available on this operating system; use Linux, or WSL on Windows")
}
