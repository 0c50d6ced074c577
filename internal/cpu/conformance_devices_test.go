package cpu

import (
	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// devices returns the float32 devices to check.
func devices(rapid.TB) []kernel.Device {
	var all []kernel.Device
	for level := simd.Portable; level <= simd.Detect(); level++ {
		all = append(all, New(level, 1, Highest))
	}
	return all
}
