//go:build linux && (amd64 || arm64) && !nocuda

package testgpu

import (
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
)

func openEmulated() (*cuda.Device, error) { return cuda.OpenWith(emulator.Functions()) }
