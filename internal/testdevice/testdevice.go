// Package testdevice lets tests that run on the processor run on another device: BESTIARY_TEST_DEVICE=cuda go test ./..., see package wanted.
package testdevice

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/testdevice/testgpu"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Open opens the processor with the given options, or else the device that the environment variable of package wanted names; without a GPU
// where it names one, the test is skipped.
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
	d.SetPrecision(precision)
	return engine.NewDevice(d), nil
}
