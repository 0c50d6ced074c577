//go:build linux && (amd64 || arm64) && !nocuda

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/testdevice/testgpu"
)

// TestDoctorGraphs runs the doctor on an emulated GPU.
func TestDoctorGraphs(t *testing.T) {
	emulated := testgpu.Emulated(t)
	if got := graphs(engine.NewDevice(emulated), emulated); !strings.HasPrefix(got, "1 captured, 2 launches") {
		t.Errorf("printed %q of graphs that are launched the second and third time", got)
	}
}

func TestTryingTellsFailures(t *testing.T) {
	for want, f := range map[string]func() string{
		"works":                 func() string { return "works" },
		"fails: no such kernel": func() string { panic(errors.New("no such kernel")) },
	} {
		if got := trying(f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestDoctorLibraries has the doctor look for libraries of MPI and NCCL that aren't there.
func TestDoctorLibraries(t *testing.T) {
	t.Setenv("BESTIARY_MPI", "/nowhere/libmpi.so")
	t.Setenv("BESTIARY_NCCL", "/nowhere/libnccl.so.2")
	text := succeeds(t, "doctor")
	for _, want := range []string{"\nMPI            none: BESTIARY_MPI names /nowhere/libmpi.so", "\nNCCL           none: BESTIARY_NCCL names /nowhere/libnccl.so.2"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
