// Package testdevice lets tests that run on the processor run on another device.
package testdevice

import (
	"os"
	"testing"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Variable is the environment variable that names the device for tests: cuda or cuda:N, or emulated for the GPU's kernels
// on an emulated GPU, which takes a thousand times as long as a real one.
const Variable = "BESTIARY_TEST_DEVICE"

// Open opens the processor with the given options, or else the device that Variable names, without which the test fails.
func Open(t testing.TB, o tensor.DeviceOptions) (*tensor.Device, error) {
	t.Helper()
	name := os.Getenv(Variable)
	if name == "" {
		return tensor.OpenDevice("cpu", o)
	}
	var d *tensor.Device
	var err error
	if name == "emulated" {
		d, err = emulated()
	} else {
		d, err = tensor.OpenDevice(name, tensor.DeviceOptions{Precision: o.Precision})
	}
	if err != nil {
		t.Fatalf("%s=%s: %v", Variable, name, err)
	}
	return d, nil
}
