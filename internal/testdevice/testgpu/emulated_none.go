//go:build !linux || !(amd64 || arm64) || nocuda

package testgpu

import "github.com/bestiary-ml/bestiary/internal/cuda"

// openEmulated returns the error of [cuda.Open]: the emulator runs where the driver does.
func openEmulated() (*cuda.Device, error) { return cuda.Open(0) }
