//go:build linux && (amd64 || arm64) && !nocuda

package main

import (
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/testdevice/testgpu"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestDoctorGraphs has the doctor look at an emulated GPU.
func TestDoctorGraphs(t *testing.T) {
	emulated := testgpu.Emulated(t)
	if got := graphs(tensor.NewDevice(emulated), emulated); !strings.HasPrefix(got, "1 captured, 2 launches") {
		t.Errorf("told %q of graphs that are launched the second and third time", got)
	}
}
