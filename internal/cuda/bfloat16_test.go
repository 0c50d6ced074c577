//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/bfloat16"
)

// TestBfloat16 compares the kernels with package bfloat16, to the bit.
func TestBfloat16(t *testing.T) {
	d, r := deviceToTest(t), rand.New(rand.NewPCG(3, 4))
	const pairs, ranks = 700, 3
	const n = 2 * pairs
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := []float32{0, -1, 1 + 1.0/256, 1 + 3.0/256, 3.4e38, inf, -inf, nan, 1e-40, -3e-39}
	for len(x) < ranks*n {
		x = append(x, float32(math.Exp(4*r.NormFloat64())*(r.Float64()-0.5)))
	}
	lost := make([]float32, len(x))
	for i := 10; i < len(lost); i++ {
		lost[i] = x[i] * float32(r.NormFloat64()) / 300
	}
	rounded := make([]uint16, len(x))
	xs, losts, packed := d.Alloc(len(x)), d.Alloc(len(x)), d.AllocInts(len(x)/2)
	d.Upload(xs, x)
	d.Upload(losts, lost)
	compare := func(what string, got, want []float32) {
		t.Helper()
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
				t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
			}
		}
	}
	got := make([]float32, len(x))

	d.each(function{"bfloat16", "round_pairs"}, len(x)/2, len(x)/2, xs, losts, packed)
	bfloat16.Round(rounded, x, lost)
	words := make([]int32, len(x)/2)
	d.DownloadInts(words, packed)
	for i, b := range unsafe.Slice((*uint16)(unsafe.Pointer(&words[0])), len(x)) {
		if b != rounded[i] {
			t.Fatalf("element %d, %v, is rounded to %#x, want %#x", i, x[i], b, rounded[i])
		}
	}
	d.Download(got, losts)
	compare("what rounding takes off", got, lost)

	own, sums := make([]float32, n), d.Alloc(n)
	d.each(function{"bfloat16", "sum_pairs"}, pairs, pairs, ranks, packed, losts.Slice(n, n), sums)
	bfloat16.Sum(own, rounded, lost[n:])
	d.Download(got[:n], sums)
	compare("sums", got[:n], own)
	d.Download(got, losts)
	compare("what is left after sums", got, lost)

	d.each(function{"bfloat16", "widen_pairs"}, len(x)/2, len(x)/2, packed, xs)
	bfloat16.Widen(x, rounded)
	d.Download(got, xs)
	compare("wide numbers", got, x)
}
