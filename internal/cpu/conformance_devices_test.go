package cpu

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/testdevice/testgpu"
)

// devices returns the float32 devices under test: every kernel set of this processor, or the GPU that the environment names.
func devices(t rapid.TB) []kernel.Device {
	if d := testgpu.Wanted(t); d != nil {
		return []kernel.Device{d}
	}
	var all []kernel.Device
	for _, level := range simd.Levels() {
		all = append(all, New(level, 1, kernel.Highest))
	}
	return all
}

// check is rapid.Check of a property of devices. Without a device the whole test is skipped, not each of its cases.
func check(t *testing.T, property func(t *rapid.T)) {
	t.Helper()
	devices(t)
	rapid.Check(t, property)
}
