package conv

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// peak is the rate of the multiply-add loop on one thread, in operations a second: the best of some runs.
var peak = sync.OnceValue(func() float64 {
	best := 0.0
	for range 20 {
		start := time.Now()
		flops := simd.FMALoop(simd.Detect(), 1<<20)
		best = max(best, flops/time.Since(start).Seconds())
	}
	return best
})

// BenchmarkProducts reports the rate of matrix products and of the autoencoder's convolutions, in GFLOP/s and as part
// of what the threads' float32 multipliers can do, in float32 and in bfloat16; the fastest run counts.
func BenchmarkProducts(b *testing.B) {
	if simd.Detect() == simd.Portable {
		b.Skip("this processor has no AVX2")
	}
	arithmetics := []gemm.Arithmetic{gemm.Float32}
	if simd.BF16For(simd.Detect()) != nil {
		arithmetics = append(arithmetics, gemm.BFloat16)
	}
	if simd.HasAMX() {
		arithmetics = append(arithmetics, gemm.BFloat16Tiles, gemm.SplitBFloat16Tiles)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for threads := 1; threads <= 2; threads++ {
		workers := pool.New(threads)
		defer workers.Close()
		engines := map[gemm.Arithmetic]*Engine{}
		for _, a := range arithmetics {
			engines[a] = New(gemm.New(simd.Detect(), a, workers))
		}
		measure := func(name string, multiplyAdds int, f func()) {
			b.Run(fmt.Sprintf("%s/threads=%d", name, threads), func(b *testing.B) {
				best := time.Duration(1<<63 - 1)
				for b.Loop() {
					start := time.Now()
					f()
					best = min(best, time.Since(start))
				}
				rate := 2 * float64(multiplyAdds) / best.Seconds()
				b.ReportMetric(rate/1e9, "GFLOP/s")
				b.ReportMetric(100*rate/peak()/float64(threads), "%peak")
			})
		}
		run := func(name string, multiplyAdds int, f func(p *Engine)) {
			for _, a := range arithmetics {
				full := name
				if a != gemm.Float32 {
					full += "/" + strings.ReplaceAll(a.String(), " ", "_")
				}
				measure(full, multiplyAdds, func() { f(engines[a]) })
			}
		}
		matrices := func(m, n, k, batch int) {
			x, y, z := cputest.Noise(rng, batch*m*k), cputest.Noise(rng, batch*n*k), make([]float32, batch*m*n)
			for i, trans := range []string{"NN", "TN", "NT", "TT"} {
				g := kernel.Gemm{
					M: m, N: n, K: k, LdA: k, LdB: n, LdC: n, Batch: batch, StrideA: m * k, StrideB: n * k, StrideC: m * n,
					TransA: i&1 != 0, TransB: i&2 != 0,
				}
				if g.TransA {
					g.LdA = m
				}
				if g.TransB {
					g.LdB = k
				}
				run(fmt.Sprintf("gemm%s/%dx%dx%d/batch=%d", trans, m, n, k, batch), batch*m*n*k,
					func(p *Engine) { p.Multiply(g, x, y, nil, z) })
			}
		}
		matrices(1024, 1024, 1024, 1)
		matrices(32, 256, 256, 1)
		matrices(64, 64, 64, 64)
		matrices(1, 1024, 1024, 1)
		for _, s := range [][3]int{{3, 64, 64}, {64, 128, 32}, {128, 256, 16}, {256, 512, 8}, {512, 512, 4}} {
			c := kernel.Conv{
				N: 32, C: s[0], O: s[1], H: s[2], W: s[2], OH: s[2] / 2, OW: s[2] / 2, KH: 4, KW: 4,
				StrideH: 2, StrideW: 2, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1,
			}
			x, y, w := cputest.Noise(rng, c.N*c.H*c.W*c.C), cputest.Noise(rng, c.N*c.OH*c.OW*c.O), cputest.Noise(rng, c.KH*c.KW*c.C*c.O)
			work := c.N * c.OH * c.OW * c.O * c.KH * c.KW * c.C
			name := fmt.Sprintf("%dto%d@%d", c.C, c.O, c.H)
			run("conv/"+name, work, func(p *Engine) { p.Forward(c, x, w, nil, y) })
			run("convBackwardInput/"+name, work, func(p *Engine) { p.BackwardInput(c, y, w, nil, x) })
			run("convBackwardWeight/"+name, work, func(p *Engine) { p.BackwardWeight(c, x, y, w) })
		}
	}
}
