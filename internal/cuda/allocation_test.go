//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestLaunchesAllocateNothing queues kernels with struct arguments, fewer than a segment has.
func TestLaunchesAllocateNothing(t *testing.T) {
	d := deviceToTest(t)
	setPrecision(t, d, kernel.Highest)
	x, logits, uniform, codes := d.Alloc(64), d.Alloc(16), d.AllocInts(2), d.AllocInts(1)
	for _, b := range []kernel.Buffer{x, logits, uniform} {
		d.Fill(b, 0.5)
	}
	norm := kernel.BatchNorm{Rows: 16, Channels: 4, Eps: 1e-5, Running: kernel.Running{Mean: x, Variance: x, Momentum: 0.1}}
	a := kernel.Attention{Batch: 1, Heads: 1, Dim: 4, Queries: 4, Keys: 4, Scale: 1, RowQ: 4, RowK: 4, RowV: 4, RowY: 4}
	y, mean, variance := d.Alloc(64), d.Alloc(4), d.Alloc(4)
	d.Fill(y, 0.5) // the map may begin with a kernel that reads it
	for name, f := range map[string]func(){
		"BatchNorm":     func() { d.BatchNorm(norm, x, mean, mean, mean, variance, y) },
		"BatchNormGrad": func() { d.BatchNormGrad(norm, x, x, x, x, y, y, kernel.Buffer{}, y, mean, variance) },
		"Draw":          func() { d.Draw(kernel.Draw{Pictures: 1, Codes: 16, Temperature: 1}, logits, uniform, codes) },
		"SumTo": func() {
			d.SumTo(kernel.Broadcast{Rank: 4, Shape: kernel.Dims{2, 2, 2, 8}, StrideA: kernel.Dims{0, 8, 0, 1}}, x, y)
		},
		"Copy": func() {
			d.Copy(kernel.Strided{Rank: 2, Shape: kernel.Dims{4, 4}, StrideDst: kernel.Dims{8, 1}, StrideSrc: kernel.Dims{4, 1}}, y, x)
		},
		"Gemm":      func() { d.Gemm(kernel.Gemm{M: 8, N: 8, K: 8, LdA: 8, LdB: 8, LdC: 8}, x, x, kernel.Buffer{}, y) },
		"Attention": func() { d.Attention(a, x, x, x, kernel.Buffer{}, y, logits) },
	} {
		d.Fill(mean, 0)
		d.Fill(variance, 1)
		for range longestSegment { // allocates the queue, and loads kernels and plans
			f()
		}
		d.Synchronize()
		if n := testing.AllocsPerRun(longestSegment/2, f); n != 0 {
			t.Errorf("%s: %g allocations", name, n)
		}
		d.Synchronize()
	}
}
