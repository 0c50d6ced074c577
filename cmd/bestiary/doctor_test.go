//go:build linux && (amd64 || arm64) && !nocuda

package main

import (
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/testdevice"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestDoctorGraphs has the doctor look at an emulated GPU.
func TestDoctorGraphs(t *testing.T) {
	t.Setenv(testdevice.Variable, "emulated")
	d, err := testdevice.Open(t, tensor.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := graphs(d, d.Kernels().(*cuda.Device)); !strings.HasPrefix(got, "1 captured, 2 launches") {
		t.Errorf("told %q of graphs that are launched the second and third time", got)
	}
}
