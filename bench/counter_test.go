//go:build linux && (amd64 || arm64) && !nocuda

package bench

import (
	"reflect"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestCounterKeepsFeatures checks that a counter has all features of the device that it wraps.
func TestCounterKeepsFeatures(t *testing.T) {
	gpu, err := cuda.OpenWith(emulator.Functions())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []kernel.Device{gpu, cpu.New(simd.Detect(), 1, kernel.Highest), cpu.NewFloat64(1)} {
		own, counted := reflect.ValueOf(d.Features()), reflect.ValueOf((&counter{Device: d}).Features())
		for i := range own.NumField() {
			if own.Field(i).IsZero() != counted.Field(i).IsZero() {
				t.Errorf("%s: %s is %v, and %v on a counter", d.Name(), own.Type().Field(i).Name, own.Field(i), counted.Field(i))
			}
		}
		d.Close()
	}
}
