//go:build linux && (amd64 || arm64) && !nocuda

package cpu

import (
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

func openEmulated() (kernel.Device, error) { return cuda.OpenWith(emulator.Functions()) }
