//go:build !linux || !(amd64 || arm64) || nocuda

package testgpu

import "github.com/bestiary-ml/bestiary/internal/cuda"

// openEmulated tells why there is none: the emulator needs what the driver needs.
func openEmulated() (*cuda.Device, error) { return cuda.Open(0) }
