package conv

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/winograd"
)

// BenchmarkWinograd compares Winograd's algorithms with the general form on one thread, in turns: milliseconds of the
// fastest run of each.
func BenchmarkWinograd(b *testing.B) {
	if simd.Detect() == simd.Portable {
		b.Skip("this processor has no AVX2")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	workers := pool.New(1)
	defer workers.Close()
	p := New(gemm.New(simd.Detect(), gemm.Float32, workers))
	direct := winogradPasses{Engine: p}
	for _, s := range []struct{ n, in, out, size, k int }{
		{8, 256, 256, 32, 4}, {8, 256, 256, 64, 4}, {8, 256, 256, 128, 4}, {8, 256, 256, 16, 3}, // the discrete VAE's
		{32, 64, 128, 32, 4}, {32, 128, 256, 16, 4}, {32, 256, 512, 8, 4}, {32, 512, 512, 4, 4}, // the autoencoder's
		{8, 64, 64, 128, 4}, {8, 64, 64, 64, 4}, {8, 64, 64, 32, 4}, {8, 64, 64, 16, 3}, // of a small discrete VAE
	} {
		stride := s.k - 2
		if s.k == 3 {
			stride = 1
		}
		c := kernel.Conv{
			N: s.n, C: s.in, O: s.out, H: s.size, W: s.size, OH: s.size / stride, OW: s.size / stride, KH: s.k, KW: s.k,
			StrideH: stride, StrideW: stride, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1,
		}
		algorithms := []winogradPasses{direct, {p, winograd.Filter{M: 2, R: s.k / stride}}}
		names := []string{"direct-ms", "winograd-ms"}
		if s.k == 4 {
			algorithms, names = append(algorithms, winogradPasses{p, winograd.Filter{M: 3, R: 2}}), append(names, "winograd3-ms")
		}
		x, y, w := cputest.Noise(rng, c.N*c.H*c.W*c.C), cputest.Noise(rng, c.N*c.OH*c.OW*c.O), cputest.Noise(rng, c.KH*c.KW*c.C*c.O)
		for _, pass := range []struct {
			name string
			run  func(a winogradPasses)
		}{
			{"forward", func(a winogradPasses) { a.forward(c, x, w, nil, y) }},
			{"input", func(a winogradPasses) { a.backwardInput(c, y, w, nil, x) }},
			{"weight", func(a winogradPasses) { a.backwardWeight(c, x, y, w) }},
		} {
			b.Run(fmt.Sprintf("%dx%dx%d@%dto%d/%s", s.n, s.size, s.size, s.in, s.out, pass.name), func(b *testing.B) {
				best := make([]time.Duration, len(algorithms))
				for b.Loop() {
					for i, a := range algorithms {
						start := time.Now()
						pass.run(a)
						if took := time.Since(start); best[i] == 0 || took < best[i] {
							best[i] = took
						}
					}
				}
				b.ReportMetric(0, "ns/op")
				for i, took := range best {
					b.ReportMetric(took.Seconds()*1e3, names[i])
				}
			})
		}
	}
}
