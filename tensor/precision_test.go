package tensor

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// TestPrecision computes a sum that float32 holds exactly, and bfloat16 doesn't: (1 + 2⁻¹⁰)·64.
func TestPrecision(t *testing.T) {
	const n = 64
	high, medium := "highest", "highest"
	if simd.HasAMX() {
		high = "high"
	}
	if simd.Detect() != simd.Portable {
		medium = "medium"
	}
	rounded := simd.BF16For(simd.Detect()) != nil && (simd.HasAMX() || simd.BF16Pays()) // all products, not only those of few rows
	for _, c := range []struct{ device, kernels, asked, want string }{
		{"cpu", "auto", "", "highest"},
		{"cpu", "auto", "highest", "highest"},
		{"cpu", "auto", "high", high},
		{"cpu", "auto", "medium", medium},
		{"cpu", "portable", "medium", "highest"},
		{"cpu64", "", "medium", "highest"},
	} {
		d, err := OpenDevice(c.device, DeviceOptions{Threads: 1, Kernels: c.kernels, Precision: c.asked})
		if err != nil {
			t.Fatal(err)
		}
		factor := 1 + math.Exp2(-10)
		if c.want == "medium" && rounded {
			factor = 1
		}
		got := d.Full(1+math.Exp2(-10), n, n).MatMul(d.Full(1, n, n)).Values()[0]
		if d.Precision() != c.want || float64(got) != factor*n {
			t.Errorf("%+v: computes %g at precision %s, want %g", c, got, d.Precision(), factor*n)
		}
		row, weights := d.Full(1, 1, n), d.Full(1+math.Exp2(-10), n, 2*n)
		weights.Freeze()
		want := float32((1 + math.Exp2(-10)) * n)
		if c.want == "medium" {
			want = n
		}
		for what, y := range map[string]*Tensor{"Linear": row.Linear(weights, nil, Identity), "MatMul": row.MatMul(weights)} {
			if got := y.Values()[0]; got != want && c.device == "cpu" {
				t.Errorf("%+v: %s of a row and frozen weights is %g, want %g", c, what, got, want)
			}
		}
		d.Close()
	}
}
