// Package testgpu opens the GPU for tests that BESTIARY_TEST_DEVICE names, below package tensor.
package testgpu

import (
	"sync"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/testdevice/wanted"
)

// tester is the part of [testing.TB] that rapid.T has, too.
type tester interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Wanted returns the GPU that the environment names, the same one at each call; nil if it names the CPU. If there is no GPU,
// the test is skipped.
func Wanted(t tester) *cuda.Device {
	t.Helper()
	switch wanted.Device() {
	case wanted.CPU:
		return nil
	case wanted.Emulated:
		return Emulated(t)
	}
	return opened(t, wanted.Device(), named)
}

// Emulated returns the emulated GPU, the same one at each call. On platforms without the emulator, the test is skipped.
func Emulated(t tester) *cuda.Device {
	t.Helper()
	return opened(t, wanted.Emulated, emulated)
}

func opened(t tester, device string, open func() (*cuda.Device, error)) *cuda.Device {
	t.Helper()
	d, err := open()
	switch {
	case cuda.Absent(err):
		t.Skipf("%s=%s: %v", wanted.Variable, device, err)
	case err != nil:
		t.Fatalf("%s=%s: %v", wanted.Variable, device, err)
	}
	return d
}

// All tests of a package share a GPU, since each one that is opened takes its own memory.
var (
	named = sync.OnceValues(func() (*cuda.Device, error) {
		index, _ := wanted.GPU()
		return cuda.Open(index)
	})
	emulated = sync.OnceValues(openEmulated)
)
