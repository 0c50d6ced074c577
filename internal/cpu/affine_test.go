package cpu

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// TestAffineMaps compares the fast affine maps with the portable ones: any sizes, columns of wider rows, both directions.
func TestAffineMaps(t *testing.T) {
	if simd.Detect() == simd.Portable {
		t.Skip("there is no fast kernel set for this processor")
	}
	for _, level := range simd.Levels()[1:] {
		t.Run(level.String(), func(t *testing.T) { testAffineMaps(t, level) })
	}
}

func testAffineMaps(t *testing.T, level simd.Level) {
	fast, plain := New(level, 2, kernel.Highest), New(simd.Portable, 1, kernel.Highest)
	defer fast.Close()
	defer plain.Close()
	check(t, func(t *rapid.T) {
		s := newSource(t)
		rows, cols := rapid.IntRange(0, 90).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "columns")
		if rapid.IntRange(0, 9).Draw(t, "wide") == 0 {
			cols = rapid.IntRange(500, 1100).Draw(t, "many columns")
		}
		gap := rapid.IntRange(0, 3).Draw(t, "gap")
		a := kernel.NewAffineMap(rows, cols, rapid.Float64Range(0.5, 7).Draw(t, "clip"), rapid.Bool().Draw(t, "inverse"))
		a.LdX, a.LdParams, a.LdY, a.LdSlope = a.LdX+gap, a.LdParams+gap, a.LdY+2*gap, a.LdSlope+gap
		x, params := s.floats(rows*a.LdX).floats, s.floats(rows*a.LdParams).floats
		gy, gLogSlope := s.floats(rows*a.LdY).floats, s.floats(rows*a.LdSlope).floats
		var got [2][][]float32
		for i, d := range []kernel.Device{plain, fast} {
			in := func(v []float32) kernel.Buffer {
				b := d.Alloc(len(v))
				d.Upload(b, v)
				return b
			}
			maps := d.Features().AffineMaps
			y, logSlope, gx, gparams := in(make([]float32, len(gy))), in(make([]float32, len(gLogSlope))), in(make([]float32, len(x))), in(make([]float32, len(params)))
			maps.AffineMap(a, in(x), in(params), y, logSlope)
			maps.AffineMapGrad(a, in(x), in(params), in(gy), in(gLogSlope), gx, gparams)
			for _, b := range []kernel.Buffer{y, logSlope, gx, gparams} {
				v := make([]float32, b.Len)
				d.Download(v, b)
				got[i] = append(got[i], v)
			}
		}
		for k, what := range []string{"y", "logSlope", "gx", "gparams"} {
			for i, want := range got[0][k] {
				have, scale := got[1][k][i], math.Abs(float64(want))
				if math.IsNaN(float64(want)) || math.IsInf(float64(want), 0) || scale > 1e30 {
					continue // overflow at different points
				}
				if !(math.Abs(float64(have-want)) <= 1e-4*max(1, scale)) {
					t.Fatalf("%s[%d] is %v, the portable one %v; %+v", what, i, have, want, a)
				}
			}
		}
	})
}
