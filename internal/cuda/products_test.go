//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// cutting draws the sizes of tiles, and the number of processors, which decides the parts of the depth.
func cutting(t *rapid.T, d *Device) (restore func()) {
	sizes, processors := tileSizes, d.info.Processors
	i := rapid.IntRange(0, len(sizes)-1).Draw(t, "size of tiles")
	if d.Precision() == kernel.Highest {
		i = max(i, 1) // the first is for tensor cores
	}
	tileSizes = sizes[i : i+1]
	d.info.Processors = rapid.SampledFrom([]int{1, 10, 100, 1000}).Draw(t, "processors")
	d.products.plans = nil
	return func() {
		tileSizes, d.info.Processors = sizes, processors
		d.products.plans = nil
	}
}

var (
	activations     = []kernel.Activation{kernel.ActNone, kernel.ActReLU, kernel.ActLeakyReLU, kernel.ActTanh, kernel.ActSigmoid}
	gemmActivations = append(slices.Clone(activations), kernel.ActGELU)
)

// The ways in which a GPU computes products that aren't skinny.
const (
	anyWay  = "the best"
	inTiles = "tiles"
	inSmall = "small blocks"
)

// multiply computes a product; on a GPU, in the given way.
func multiply(d kernel.Device, way string, g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	gpu, ok := d.(*Device)
	if ok {
		g.Batch = max(g.Batch, 1)
	}
	if g.Act == kernel.ActGELU { // no way has it: Gemm applies it afterwards
		way = anyWay
	}
	switch {
	case ok && way == inTiles:
		gpu.gemmTiles(g, gpu.planGemm(g), a, b, bias, c)
	case ok && way == inSmall:
		gpu.gemmSmall(g, a, b, bias, c)
	default:
		d.Gemm(g, a, b, bias, c)
	}
}

// TestGemm compares products of all forms with the portable device.
func TestGemm(t *testing.T) {
	check(t, func(t *rapid.T, d *Device) {
		a := newArena(t, d)
		defer a.free()
		setPrecision(t, d, rapid.SampledFrom([]kernel.Precision{kernel.Highest, kernel.High, kernel.Medium}).Draw(t, "precision"))
		defer cutting(t, d)()
		size := func(name string, most int) int {
			n := rapid.IntRange(1, most).Draw(t, name)
			if rapid.Bool().Draw(t, "multiple of 4") {
				n = (n + 3) / 4 * 4
			}
			return n
		}
		g := kernel.Gemm{
			M: size("M", 200), N: size("N", 200), K: size("K", 300), Batch: rapid.IntRange(0, 3).Draw(t, "batch"),
			TransA: rapid.Bool().Draw(t, "TransA"), TransB: rapid.Bool().Draw(t, "TransB"),
			Accumulate: rapid.Bool().Draw(t, "accumulate"), Slope: 0.25,
		}
		if rapid.Bool().Draw(t, "deep") {
			g.K *= 20
			g.M, g.N = (g.M+19)/20, (g.N+19)/20
		}
		pad := func() int { return rapid.SampledFrom([]int{0, 0, 4, 3}).Draw(t, "padding") }
		rowsA, rowsB := g.M, g.K
		g.LdA, g.LdB, g.LdC = g.K, g.N, g.N+pad()
		if g.TransA {
			rowsA, g.LdA = g.K, g.M
		}
		if g.TransB {
			rowsB, g.LdB = g.N, g.K
		}
		g.LdA, g.LdB = g.LdA+pad(), g.LdB+pad()
		g.StrideA, g.StrideB, g.StrideC = rowsA*g.LdA, rowsB*g.LdB+pad(), g.M*g.LdC
		if rapid.Bool().Draw(t, "one A") {
			g.StrideA = 0
		}
		count := max(g.Batch, 1)
		left, right, c := a.numbers(count*rowsA*g.LdA), a.numbers(count*(g.StrideB+4)), a.numbers(count*g.StrideC)
		bias := -1
		if !g.Accumulate {
			bias, g.Act = a.maybe(g.N), rapid.SampledFrom(gemmActivations).Draw(t, "activation")
		}
		way := rapid.SampledFrom([]string{anyWay, inTiles, inSmall}).Draw(t, "way")
		a.run(func(d kernel.Device, at func(int) kernel.Buffer) {
			multiply(d, way, g, at(left), at(right), at(bias), at(c))
		})
		a.compare(fmt.Sprintf("%v %+v", d.Precision(), g), c, tolerances[d.Precision()], math.Sqrt(float64(g.K)))
	})
}

// TestConvolutions compares all passes of convolutions with the portable device.
func TestConvolutions(t *testing.T) {
	check(t, func(t *rapid.T, d *Device) {
		a := newArena(t, d)
		defer a.free()
		setPrecision(t, d, rapid.SampledFrom([]kernel.Precision{kernel.Highest, kernel.High, kernel.Medium}).Draw(t, "precision"))
		defer cutting(t, d)()
		draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
		groups, unit := draw("groups", 1, 3), rapid.SampledFrom([]int{1, 3, 4, 16}).Draw(t, "channels of")
		c := kernel.Conv{
			N: draw("N", 1, 3), C: groups * unit * draw("C", 1, 4), O: groups * unit * draw("O", 1, 4), KH: draw("KH", 1, 4), KW: draw("KW", 1, 4),
			StrideH: draw("stride", 1, 3), StrideW: draw("stride", 1, 3), PadH: draw("pad", 0, 2), PadW: draw("pad", 0, 2),
			DilationH: draw("dilation", 1, 2), DilationW: draw("dilation", 1, 2), Groups: groups,
			OH: draw("OH", 1, 7), OW: draw("OW", 1, 7), Act: rapid.SampledFrom(activations).Draw(t, "activation"), Slope: 0.25,
		}
		c.H = (c.OH-1)*c.StrideH + c.DilationH*(c.KH-1) + 1 - 2*c.PadH + draw("rest", 0, c.StrideH-1)
		c.W = (c.OW-1)*c.StrideW + c.DilationW*(c.KW-1) + 1 - 2*c.PadW + draw("rest", 0, c.StrideW-1)
		if c.H < 1 || c.W < 1 {
			t.Skip("there is only padding")
		}
		taps := c.KH * c.KW * c.C / groups
		x, w, up := a.numbers(c.N*c.H*c.W*c.C), a.numbers(taps*c.O), a.numbers(c.N*c.OH*c.OW*c.O)
		y, gx, gw := a.numbers(c.N*c.OH*c.OW*c.O), a.numbers(c.N*c.H*c.W*c.C), a.numbers(taps*c.O)
		bias, inputBias := a.maybe(c.O), a.maybe(c.C)
		a.run(func(d kernel.Device, at func(int) kernel.Buffer) {
			d.Conv2d(c, at(x), at(w), at(bias), at(y))
			d.Conv2dBackwardInput(c, at(up), at(w), at(inputBias), at(gx))
			d.Conv2dBackwardWeight(c, at(x), at(up), at(gw))
		})
		what, tolerance := fmt.Sprintf("%v %+v", d.Precision(), c), tolerances[d.Precision()]
		a.compare("Conv2d "+what, y, tolerance, math.Sqrt(float64(taps)))
		a.compare("Conv2dBackwardInput "+what, gx, tolerance, math.Sqrt(float64(c.KH*c.KW*c.O/groups)))
		a.compare("Conv2dBackwardWeight "+what, gw, tolerance, math.Sqrt(float64(c.N*c.OH*c.OW)))
	})
}

// TestDeepLinearGrad has depths of several rounds of a block, for both gradients; other cases are in internal/cpu.
func TestDeepLinearGrad(t *testing.T) {
	setPrecision(t, deviceToTest(t), kernel.Highest)
	for _, l := range []kernel.LinearGrad{{Rows: 600, In: 5, Out: 9}, {Rows: 9, In: 5, Out: 600}} {
		compare(t, 1e-5, func(p *pair) {
			n := l.Rows * l.Out
			x, w, gy := p.in(l.Rows*l.In, 0.1, 0), p.in(l.In*l.Out, 0.1, 0), p.in(n, 0.1, 0)
			gx, gw, gbias, none := p.out(l.Rows*l.In), p.out(l.In*l.Out), p.out(l.Out), kernel.Buffer{}
			if k, ok := p.Device.(*Device); ok {
				k.LinearGrad(l, x, w, none, gy, gx, gw, gbias)
				return
			}
			p.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: l.Rows, Inner: l.Out}, 1, gy, gbias)
			p.Gemm(kernel.Gemm{M: l.Rows, N: l.In, K: l.Out, TransB: true, LdA: l.Out, LdB: l.Out, LdC: l.In}, gy, w, none, gx)
			p.Gemm(kernel.Gemm{M: l.In, N: l.Out, K: l.Rows, TransA: true, LdA: l.In, LdB: l.Out, LdC: l.Out}, x, gy, none, gw)
		})
	}
}

// TestSplitsRepeat computes a product with split-K several times: the result must not depend on which block is last.
func TestSplitsRepeat(t *testing.T) {
	d := deviceToTest(t)
	setPrecision(t, d, kernel.Highest)
	r := rand.New(rand.NewPCG(1, 2))
	for i, g := range []kernel.Gemm{{M: 64, N: 64, K: 1024, LdA: 1024, LdB: 64, LdC: 64}, {M: 2, N: 64, K: 1 << 14, LdA: 1 << 14, LdB: 64, LdC: 64}} {
		place := func(n int) kernel.Buffer {
			values := make([]float32, n)
			for i := range values {
				values[i] = r.Float32() - 0.5
			}
			b := d.Alloc(n)
			d.Upload(b, values)
			return b
		}
		a, b, c := place(g.M*g.K), place(g.K*g.N), d.Alloc(g.M*g.N)
		var first []float32
		for range 3 {
			multiply(d, []string{inTiles, anyWay}[i], g, a, b, kernel.Buffer{}, c)
			got := make([]float32, g.M*g.N)
			d.Download(got, c)
			if first == nil {
				first = got
			} else if !slices.Equal(got, first) {
				t.Errorf("%+v: results differ from run to run", g)
			}
		}
	}
}

// TestDivisor checks division by multiplication at the ends of its range and around multiples.
func TestDivisor(t *testing.T) {
	divide := func(d divisor, n uint32) uint32 {
		if d.factor == 0 {
			return n
		}
		return uint32(uint64(n)*uint64(d.factor)>>32) >> d.shift
	}
	const most = 1<<31 - 1
	rapid.Check(t, func(t *rapid.T) {
		by := uint32(rapid.IntRange(1, most).Draw(t, "divisor"))
		if rapid.Bool().Draw(t, "small") {
			by = by%2000 + 1
		}
		d := newDivisor(int(by))
		multiple := uint32(rapid.IntRange(0, int(most/by)).Draw(t, "multiple")) * by
		for _, n := range []uint32{0, 1, by - 1, multiple, multiple + by - 1, multiple - 1, most, most - 1} {
			if n <= most && divide(d, n) != n/by {
				t.Fatalf("%d / %d gives %d", n, by, divide(d, n))
			}
		}
	})
}
