// Package testdevice opens the device for tests that the environment names: BESTIARY_TEST_DEVICE=cuda go test ./... See
// package wanted.
package testdevice

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/testdevice/testgpu"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Open opens the device that BESTIARY_TEST_DEVICE names, by default the CPU with the given options. If there is no GPU where
// one is named, the test is skipped. All tests of a package share the GPU; its precision is restored when the test ends.
func Open(t testing.TB, o tensor.DeviceOptions) (*tensor.Device, error) {
	t.Helper()
	d := testgpu.Wanted(t)
	if d == nil {
		return tensor.OpenDevice("cpu", o)
	}
	precision, err := kernel.ParsePrecision(o.Precision)
	if err != nil {
		return nil, err
	}
	before := d.Precision()
	t.Cleanup(func() { d.SetPrecision(before) })
	d.SetPrecision(precision)
	return engine.NewDevice(d), nil
}
