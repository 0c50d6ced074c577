// Package golden has helpers of tests that compare models with reference values: devices, files of values, a tolerance,
// gradients and an optimizer.
package golden

import (
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/testdevice"
	"github.com/bestiary-ml/bestiary/internal/testdevice/wanted"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/google/go-cmp/cmp"
)

// CPU opens the CPU device. It is closed when the test ends.
func CPU(t testing.TB) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// Device is CPU, or the device that BESTIARY_TEST_DEVICE names.
func Device(t testing.TB) *tensor.Device {
	t.Helper()
	d, err := testdevice.Open(t, tensor.DeviceOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// KernelSets runs a test with every kernel set of the processor, or on the device that BESTIARY_TEST_DEVICE names.
func KernelSets(t *testing.T, test func(t *testing.T, d *tensor.Device)) {
	if wanted.Device() != wanted.CPU {
		test(t, Device(t))
		return
	}
	for _, set := range []string{"portable", "avx2", "avx512", "neon"} {
		t.Run(set, func(t *testing.T) {
			d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 2, Kernels: set})
			if err != nil {
				t.Skip(err)
			}
			defer d.Close()
			test(t, d)
		})
	}
}

// Read reads a file of reference values.
func Read(t testing.TB, path string) *safetensors.File {
	t.Helper()
	f, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Floats returns the values of a tensor in the layout of the file.
func Floats(t testing.TB, f *safetensors.File, name string) []float32 {
	t.Helper()
	values, _, err := f.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// Tensor copies a tensor to a device. Pictures [N, C, H, W], PyTorch's layout, become [N, H, W, C].
func Tensor(t testing.TB, d *tensor.Device, f *safetensors.File, name string) *tensor.Tensor {
	t.Helper()
	values, shape, err := f.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	x := d.From(values, shape...)
	if len(shape) == 4 {
		x = x.Permute(0, 2, 3, 1)
	}
	return x
}

// Ints returns the values of an integer tensor, or a mask as zeros and ones.
func Ints(t testing.TB, f *safetensors.File, name string) []int32 {
	t.Helper()
	stored, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]int32, stored.Len())
	for i, n := range stored.I64 {
		values[i] = int32(n)
	}
	for i, set := range stored.Bool {
		if set {
			values[i] = 1
		}
	}
	return values
}

// Whole has [cmp.Diff] compare slices of float32 as a whole. Element by element, it takes seconds for the weights of a model.
var Whole = cmp.Comparer(slices.Equal[[]float32])

// Near fails the test if an element of got differs from want by more than tolerance times the largest magnitude in want.
func Near(t testing.TB, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	largest, worst := 1e-30, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
	}
	if !(worst <= tolerance*largest) {
		t.Errorf("%s: off by %.2g of the largest magnitude, want at most %.2g", what, worst/largest, tolerance)
	}
}
