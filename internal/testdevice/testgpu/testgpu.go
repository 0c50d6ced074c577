// Package testgpu opens the GPU that the environment variable of package wanted names, for tests of what lies below package tensor.
package testgpu

import (
	"sync"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/testdevice/wanted"
)

// tester is what [testing.TB] and the one of package rapid have in common.
type tester interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Wanted returns the GPU that tests are to compute on, the same one at each call, and nil if that is the processor. Where
// there is no GPU, the test is skipped.
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

// Emulated returns the emulated GPU, the same one at each call. Where there can't be one, the test is skipped.
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

// Each GPU holds memory of its own, so there is one for all tests of a package.
var (
	named = sync.OnceValues(func() (*cuda.Device, error) {
		index, _ := wanted.GPU()
		return cuda.Open(index)
	})
	emulated = sync.OnceValues(openEmulated)
)
