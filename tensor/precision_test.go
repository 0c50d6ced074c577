package tensor

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// TestPrecision computes a sum that float32 holds exactly, and bfloat16 doesn't: (1 + 2⁻¹⁰)·64.
func TestPrecision(t *testing.T) {
	const n = 64
	for _, c := range []struct {
		device, kernels, asked string
		bfloat16               bool
	}{
		{"cpu", "auto", "", false},
		{"cpu", "auto", "highest", false},
		{"cpu", "auto", "high", false},
		{"cpu", "auto", "medium", simd.BF16For(simd.Detect()) != nil},
		{"cpu", "portable", "medium", false},
		{"cpu64", "", "medium", false},
	} {
		d, err := OpenDevice(c.device, DeviceOptions{Threads: 1, Kernels: c.kernels, Precision: c.asked})
		if err != nil {
			t.Fatal(err)
		}
		precision, factor := "highest", 1+math.Exp2(-10)
		if c.bfloat16 {
			precision, factor = "medium", 1
		}
		got := d.Full(1+math.Exp2(-10), n, n).MatMul(d.Full(1, n, n)).Values()[0]
		if d.Precision() != precision || float64(got) != factor*n {
			t.Errorf("%+v: computes %g at precision %s, want %g at %s", c, got, d.Precision(), factor*n, precision)
		}
		d.Close()
	}
}
