//go:build !linux || !(amd64 || arm64) || nocuda

package testgpu

import (
	"errors"

	"github.com/bestiary-ml/bestiary/internal/cuda"
)

func openEmulated() (*cuda.Device, error) {
	return nil, errors.New("the emulator needs what the driver needs: linux on amd64 or arm64, without -tags nocuda")
}
