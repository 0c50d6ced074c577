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
