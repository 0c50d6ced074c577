package gemm

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cpu/tilemachine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestArithmeticOf covers what processors with and without AMX compute in, where AVX512-BF16 is faster than float32 and where it isn't.
func TestArithmeticOf(t *testing.T) {
	defer func(amx, pays func() bool) { hasAMX, bf16Pays = amx, pays }(hasAMX, bf16Pays)
	for i := range 4 {
		amx, pays := i%2 == 0, i/2 == 0
		hasAMX, bf16Pays = func() bool { return amx }, func() bool { return pays }
		for _, level := range simd.Levels() {
			want := map[kernel.Precision]Arithmetic{kernel.Highest: Float32, kernel.High: Float32, kernel.Medium: Float32}
			if simd.BF16For(level) != nil {
				if pays {
					want[kernel.Medium] = BFloat16
				}
				if amx {
					want[kernel.High], want[kernel.Medium] = SplitBFloat16Tiles, BFloat16Tiles
				}
			}
			for _, p := range kernel.Precisions {
				if got := ArithmeticOf(level, p); got != want[p] || got.Precision() > p {
					t.Errorf("%v at %v, AMX %v, faster %v: %v, of precision %v; want %v", level, p, amx, pays, got, got.Precision(), want[p])
				}
			}
		}
	}
}

// TestNewOnTiles has engines on a processor with AMX: their products are as exact as was asked for, and no more.
func TestNewOnTiles(t *testing.T) {
	if simd.BF16For(simd.Detect()) == nil {
		t.Skip("this processor has no AVX512-BF16")
	}
	if !tilemachine.InTest(t, simd.HasAMX()) {
		return
	}
	defer func(detected func() bool) { hasAMX = detected }(hasAMX)
	hasAMX = func() bool { return true }
	const n = 64
	g := kernel.Gemm{M: n, N: n, K: n, LdA: n, LdB: n, LdC: n}
	a, b, c := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	for _, p := range kernel.Precisions {
		workers := pool.New(2)
		defer workers.Close()
		e := New(simd.Detect(), ArithmeticOf(simd.Detect(), p), workers)
		for _, x := range []struct {
			value float32 // all sums of it are exact in float32
			kept  map[kernel.Precision]float32
		}{
			{1 + 0x1p-17, map[kernel.Precision]float32{kernel.Highest: 1 + 0x1p-17, kernel.High: 1 + 0x1p-17, kernel.Medium: 1}},
			{1 + 0x1p-9 + 0x1p-18, map[kernel.Precision]float32{kernel.Highest: 1 + 0x1p-9 + 0x1p-18, kernel.High: 1 + 0x1p-9, kernel.Medium: 1}},
		} {
			for i := range a {
				a[i], b[i] = x.value, 1
			}
			e.Multiply(g, a, b, nil, c)
			if want := n * x.kept[p]; c[5] != want {
				t.Errorf("%v: %d times %g is %g, want %g", p, n, x.value, c[5], want)
			}
		}
	}
}
