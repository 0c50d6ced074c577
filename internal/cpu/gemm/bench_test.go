package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// BenchmarkProducts shows the products of a linear layer of transformers: forward, gradient of the input, and gradient of
// the weights, whose depth runs down the columns of A. All three have the same number of operations.
func BenchmarkProducts(b *testing.B) {
	workers := pool.New(2)
	defer workers.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	e := New(simd.Detect(), Float32, workers)
	for _, s := range [][3]int{{2944, 256, 1024}, {2944, 1024, 256}, {2944, 256, 768}, {2944, 250, 1000}, {2048, 512, 2048}, {1024, 1024, 1024}} {
		n, in, out := s[0], s[1], s[2]
		x, w, y := cputest.Noise(rng, n*in), cputest.Noise(rng, in*out), cputest.Noise(rng, n*out)
		dst := make([]float32, max(len(x), len(w), len(y)))
		for _, c := range []struct {
			name string
			gemm kernel.Gemm
			a, b []float32
		}{
			{"forward", kernel.Gemm{M: n, N: out, K: in, LdA: in, LdB: out, LdC: out}, x, w},
			{"input", kernel.Gemm{M: n, N: in, K: out, TransB: true, LdA: out, LdB: out, LdC: in}, y, w},
			{"weights", kernel.Gemm{M: in, N: out, K: n, TransA: true, LdA: in, LdB: out, LdC: out}, x, y},
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", n, in, out, c.name), func(b *testing.B) {
				for b.Loop() {
					e.Multiply(c.gemm, c.a, c.b, nil, dst)
				}
				b.ReportMetric(2*float64(n*in*out)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GF/s")
			})
		}
	}
}
