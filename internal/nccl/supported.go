//go:build linux && (amd64 || arm64) && !nocuda

package nccl

// supported returns nil: this binary can open NCCL.
func supported() error { return nil }
