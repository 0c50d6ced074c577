//go:build linux && (amd64 || arm64) && !nocuda

package testdevice

import (
	"sync"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/tensor"
)

// gpu is one for all tests of a package: each holds memory of its own.
var gpu = sync.OnceValues(func() (*cuda.Device, error) { return cuda.OpenWith(emulator.Functions()) })

func emulated() (*tensor.Device, error) {
	d, err := gpu()
	if err != nil {
		return nil, err
	}
	return tensor.NewDevice(d), nil
}
