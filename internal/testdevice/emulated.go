//go:build linux && (amd64 || arm64) && !nocuda

package testdevice

import (
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/tensor"
)

func emulated() (*tensor.Device, error) {
	gpu, err := cuda.OpenWith(emulator.Functions())
	if err != nil {
		return nil, err
	}
	return tensor.NewDevice(gpu), nil
}
