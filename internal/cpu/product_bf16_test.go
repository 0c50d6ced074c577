package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cpu/tilemachine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// halvesOnThreads returns products in an arithmetic in bfloat16, on one, two and three threads.
func halvesOnThreads(t *testing.T, a Arithmetic) []*products {
	all := onThreads(t, simd.AVX512)
	for _, p := range all {
		p.bf16 = halvesFor(simd.AVX512, a)
	}
	return all
}

// testTiles is the environment variable that, being "all", lets tests run that take long where AMX's tiles are emulated.
const testTiles = "BESTIARY_TEST_TILES"

// eachBF16 runs f for every arithmetic in bfloat16. Without AMX its tiles are emulated, and rapid checks so many examples
// there; 0 skips what would take long.
func eachBF16(t *testing.T, emulated int, f func(t *testing.T, all []*products)) {
	eachOf(t, []Arithmetic{BFloat16, splitBFloat16, BFloat16Tiles, SplitBFloat16Tiles}, emulated, f)
}

// eachOf is eachBF16 for some of them.
func eachOf(t *testing.T, arithmetics []Arithmetic, emulated int, f func(t *testing.T, all []*products)) {
	if simd.BF16For(simd.Detect()) == nil {
		t.Skip("this processor has no AVX512-BF16")
	}
	for _, a := range arithmetics {
		t.Run(strings.ReplaceAll(a.String(), " ", "_"), func(t *testing.T) {
			tiles := halvesFor(simd.AVX512, a).tiles != nil
			if tiles && !simd.HasAMX() && emulated == 0 {
				if os.Getenv(testTiles) != "all" {
					t.Skipf("takes long on emulated tiles; %s=all runs it", testTiles)
				}
				emulated = 10
			}
			if !tiles || tilemachine.InTest(t, simd.HasAMX(), fmt.Sprintf("-rapid.checks=%d", emulated)) {
				f(t, halvesOnThreads(t, a))
			}
		})
	}
}

// eachArithmetic runs f for every kernel set with assembly that this processor has, and for every arithmetic in bfloat16,
// with products on one, two and three threads; emulated is that of eachBF16.
func eachArithmetic(t *testing.T, emulated int, f func(t *testing.T, all []*products)) {
	eachLevel(t, func(t *testing.T, level simd.Level) { f(t, onThreads(t, level)) })
	eachBF16(t, emulated, f)
}

// whole rounds to integers, so small that the points of Winograd's algorithm are exact in bfloat16.
func whole(v []float32) []float32 {
	rounded := make([]float32, len(v))
	for i, x := range v {
		rounded[i] = float32(math.Round(max(-3, min(3, float64(x)))))
	}
	return rounded
}

// toBF16 rounds to the nearest bfloat16 number, ties to even.
func toBF16(v []float32) []float32 {
	rounded := make([]float32, len(v))
	for i, x := range v {
		rounded[i] = x
		if bits := math.Float32bits(x); bits&0x7f800000 != 0x7f800000 {
			rounded[i] = math.Float32frombits((bits + 0x7fff + bits>>16&1) &^ 0xffff)
		}
	}
	return rounded
}

// specials puts an infinity and a NaN into a and b, count times.
func specials(rng *rand.Rand, count int, a, b []float32) {
	for range count {
		a[rng.IntN(len(a))] = float32(math.Inf(1))
		b[rng.IntN(len(b))] = []float32{0, float32(math.NaN())}[rng.IntN(2)]
	}
}

// TestBF16Gemm compares with the float64 product of the operands, rounded where the product is large enough for it unless
// they are split: what remains is the rounding of a float32 sum, and of what two bfloat16 numbers leave.
func TestBF16Gemm(t *testing.T) {
	eachBF16(t, 5, func(t *testing.T, all []*products) {
		rapid.Check(t, func(t *rapid.T) {
			size := func(name string, least int) int {
				return rapid.OneOf(rapid.IntRange(least, 2*least), rapid.IntRange(1, 200)).Draw(t, name)
			}
			g := kernel.Gemm{
				M: size("M", pairedRows), N: size("N", pairedColumns),
				K:      rapid.OneOf(rapid.IntRange(0, 70), rapid.IntRange(250, 270), rapid.IntRange(1000, 1300)).Draw(t, "K"),
				TransA: rapid.Bool().Draw(t, "TransA"), TransB: rapid.Bool().Draw(t, "TransB"),
				Batch: rapid.IntRange(0, 2).Draw(t, "Batch"), Accumulate: rapid.Bool().Draw(t, "Accumulate"),
			}
			checkGemm(t, all, drawGemm(t, g))
		})
		// Few examples may all be too small for bfloat16; this one isn't.
		rng, g := rand.New(rand.NewPCG(7, 8)), kernel.Gemm{M: pairedRows + 1, N: pairedColumns + 3, K: 71, LdA: 71, LdB: pairedColumns + 3, LdC: pairedColumns + 3}
		checkGemm(t, all, product{g, noise(rng, g.M*g.K), noise(rng, g.K*g.N), noise(rng, g.N), noise(rng, g.M*g.N)})
	})
}

// TestBF16Edges has blocks of every height and width, in both forms, and odd depths.
func TestBF16Edges(t *testing.T) {
	eachBF16(t, 5, func(t *testing.T, all []*products) {
		rng := rand.New(rand.NewPCG(21, 22))
		for i := range 33 {
			for trans := range 4 {
				g := kernel.Gemm{M: pairedRows + i, N: pairedColumns + (7*i+trans)%33, K: pairedDepth + 1 + (11*i+5*trans)%66}
				g.TransA, g.TransB = trans&1 != 0, trans&2 != 0
				g.LdA, g.LdB, g.LdC = g.K, g.N, g.N
				if g.TransA {
					g.LdA = g.M
				}
				if g.TransB {
					g.LdB = g.K
				}
				checkGemm(t, all[:1], product{g, noise(rng, g.M*g.K), noise(rng, g.K*g.N), nil, make([]float32, g.M*g.N)})
			}
		}
	})
}

// TestBF16Error tells how far products are from exact ones: by the rounding of two operands, 2⁻⁹ each at most, or by what
// three products of split operands leave out.
func TestBF16Error(t *testing.T) {
	eachBF16(t, 5, func(t *testing.T, all []*products) {
		p := all[0]
		rng := rand.New(rand.NewPCG(1, 2))
		g := kernel.Gemm{M: 65, N: 70, K: 301, LdA: 301, LdB: 70, LdC: 70}
		a, b := noise(rng, g.M*g.K), noise(rng, g.K*g.N)
		got, want := make([]float32, g.M*g.N), make([]float64, g.M*g.N)
		p.gemm(g, a, b, nil, got)
		for row := range g.M {
			gemmRow(g, 0, row, wide(a), wide(b), nil, want)
		}
		difference, size := 0.0, 0.0
		for i, x := range got {
			difference += (float64(x) - want[i]) * (float64(x) - want[i])
			size += want[i] * want[i]
		}
		least, most := 1.0/2048, 1.0/256
		if p.bf16.split {
			least, most = math.Exp2(-21), math.Exp2(-17)
		}
		if relative := math.Sqrt(difference / size); relative < least || relative > most {
			t.Errorf("the relative error is %g", relative)
		}
	})
}

// TestBF16Conv compares with the float64 convolution of operands that bfloat16 holds exactly unless they are split.
func TestBF16Conv(t *testing.T) {
	eachBF16(t, 5, func(t *testing.T, all []*products) {
		rapid.Check(t, func(t *rapid.T) {
			c := drawConv(t)
			rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
			checkConv(t, all, c, rng, rapid.Bool().Draw(t, "bias"), rapid.Bool().Draw(t, "special"))
		})
		for _, c := range []kernel.Conv{
			{N: 3, H: 7, W: 6, C: 301, O: 33, OH: 5, OW: 4, KH: 3, KW: 3, Groups: 1},
			{N: 3, H: 4, W: 5, C: depthBlock + 51, O: depthBlock + 7, OH: 3, OW: 4, KH: 2, KW: 2, Groups: 1},
			{N: 5, H: 31, W: 31, C: 37, O: 35, OH: 30, OW: 30, KH: 2, KW: 2, Groups: 1},
			{N: 4, H: 20, W: 21, C: 3, O: 70, OH: 17, OW: 18, KH: 4, KW: 4, Groups: 1},
		} {
			if work := c.N * c.OH * c.OW * c.O * c.KH * c.KW * c.C; all[0].bf16.tiles != nil && !simd.HasAMX() && work > 1e7 {
				continue // takes long where tiles are emulated
			}
			c.StrideH, c.StrideW, c.DilationH, c.DilationW = 1, 1, 1, 1
			checkConv(t, all, c, rand.New(rand.NewPCG(7, 8)), true, false)
		}
		small := smallPictures[0]
		small.C = 71
		checkConv(t, all, small, rand.New(rand.NewPCG(7, 8)), true, false)
	})
}
