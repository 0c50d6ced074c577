package main

import (
	"io"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/flows/flowtest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestLeaky is all it takes to check a new bijection.
func TestLeaky(t *testing.T) {
	flowtest.Run(t, flowtest.Case{Dim: 5, New: func(d *tensor.Device, _ *tensor.Generator) flows.Bijection {
		return NewLeaky(d, 5)
	}})
}

func TestRunFindsTheSlope(t *testing.T) {
	slope, err := run(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(slope-3) > 0.3 {
		t.Errorf("slope %.2f, want 3", slope)
	}
}
