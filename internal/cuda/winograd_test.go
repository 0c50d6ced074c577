//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/winograd"
)

// winogradConv returns a convolution that Winograd's algorithm applies to, with kernels of 3×3 or 4×4.
func winogradConv(images, height, width, in, out, size int) kernel.Conv {
	stride := size - 2
	return kernel.Conv{
		N: images, H: height * stride, W: width * stride, C: in, O: out, OH: height, OW: width, KH: size, KW: size,
		StrideH: stride, StrideW: stride, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1, Slope: 0.25,
	}
}

// byWinograd makes a GPU compute c by a filter, with the given number of images at a time, whatever it costs.
func byWinograd(t *testing.T, d kernel.Device, c kernel.Conv, f winograd.Filter, images int) (restore func()) {
	gpu, ok := d.(*Device)
	if !ok {
		return func() {}
	}
	choices := map[winogradKey]winogradChoice{}
	for pass := forward; pass <= backwardWeight; pass++ {
		way, ok := planWinograd(c, pass, f)
		if !ok {
			t.Fatalf("%+v doesn't fit", c)
		}
		way.images = images
		choices[winogradKeyOf(c, pass)] = winogradChoice{way, true}
	}
	before := gpu.products.winograd
	gpu.products.winograd = choices
	return func() { gpu.products.winograd = before }
}

// TestWinograd compares every filter, with whole and partial tiles, with direct convolutions in float64.
func TestWinograd(t *testing.T) {
	d := deviceToTest(t)
	setPrecision(t, d, kernel.Highest)
	for i, s := range []struct {
		winograd.Filter
		kernel.Conv
		images int // computed at a time
	}{
		{winograd.Filter{M: 2, R: 3}, winogradConv(3, 5, 6, 8, 12, 3), 2},
		{winograd.Filter{M: 2, R: 3}, winogradConv(1, 1, 4, 4, 4, 3), 1},
		{winograd.Filter{M: 2, R: 2}, winogradConv(2, 4, 5, 8, 4, 4), 2},
		{winograd.Filter{M: 3, R: 2}, winogradConv(3, 5, 3, 8, 8, 4), 2},
		{winograd.Filter{M: 3, R: 2}, winogradConv(1, 1, 7, 12, 4, 4), 1},
	} {
		s.Act = activations[i%len(activations)]
		t.Run(fmt.Sprintf("%v %d×%d", s.Filter, s.OH, s.OW), func(t *testing.T) {
			compare(t, 2e-5, func(p *pair) {
				defer byWinograd(t, p.Device, s.Conv, s.Filter, s.images)()
				c, pixels, results, weights := s.Conv, s.N*s.H*s.W*s.C, s.N*s.OH*s.OW*s.O, s.KH*s.KW*s.C*s.O
				x, w, up := p.in(pixels, 1, 0), p.in(weights, 1, 0), p.in(results, 1, 0)
				var biasO, biasC kernel.Buffer
				if i%2 == 0 {
					biasO, biasC = p.in(c.O, 1, 0), p.in(c.C, 1, 0)
				}
				p.Conv2d(c, x, w, biasO, p.out(results))
				p.Conv2dBackwardInput(c, up, w, biasC, p.out(pixels))
				p.Conv2dBackwardWeight(c, x, up, p.out(weights))
			})
		})
		for _, f := range []function{transformsOf(s.Filter).input, transformsOf(s.Filter).expandM, transformsOf(s.Filter).expandR, transformsOf(s.Filter).collectM, transformsOf(s.Filter).collectR} {
			if d.loaded[f] == nil {
				t.Errorf("%+v isn't computed by %s", s.Conv, f.name)
			}
		}
	}
}

// TestWinogradUnaligned has operands that aren't aligned for the transforms.
func TestWinogradUnaligned(t *testing.T) {
	d := deviceToTest(t)
	setPrecision(t, d, kernel.Highest)
	c := winogradConv(1, 4, 4, 4, 4, 3)
	compare(t, 2e-5, func(p *pair) {
		defer byWinograd(t, p.Device, c, winograd.Filter{M: 2, R: 3}, 1)()
		x, w := p.in(16*4+1, 1, 0), p.in(9*16, 1, 0)
		p.Conv2d(c, x.Slice(1, 16*4), w, kernel.Buffer{}, p.out(16*4))
	})
}

// TestWinogradWithoutRoom has no memory for the points: the convolution is computed as an implicit GEMM.
func TestWinogradWithoutRoom(t *testing.T) {
	d := deviceToTest(t)
	setPrecision(t, d, kernel.Highest)
	c := winogradConv(3, 5, 6, 8, 12, 3)
	operand := func(n int) kernel.Buffer {
		b := d.Alloc(n)
		d.Normal(uint64(n), 0, b)
		return b
	}
	x, w, up := operand(c.N*c.H*c.W*c.C), operand(c.KH*c.KW*c.C*c.O), operand(c.N*c.OH*c.OW*c.O)
	results := [...]kernel.Buffer{d.Alloc(up.Len), d.Alloc(x.Len), d.Alloc(w.Len)}
	passes := func() (all []float32) {
		d.Conv2d(c, x, w, kernel.Buffer{}, results[0])
		d.Conv2dBackwardInput(c, up, w, kernel.Buffer{}, results[1])
		d.Conv2dBackwardWeight(c, x, up, results[2])
		for _, b := range results {
			values := make([]float32, b.Len)
			d.Download(values, b)
			all = append(all, values...)
		}
		return all
	}
	want := passes()
	defer byWinograd(t, d, c, winograd.Filter{M: 2, R: 3}, 2)()
	d.Free(d.scratch["winograd"])
	delete(d.scratch, "winograd")
	var taken []kernel.Buffer
	for n := 64 << 20; n >= 64; n /= 2 {
		more, _ := fill(t, d, n)
		taken = append(taken, more...)
	}
	got := passes()
	for _, b := range taken {
		d.Free(b)
	}
	if !slices.Equal(got, want) {
		t.Error("results differ from those of the implicit GEMM")
	}
	for key, choice := range d.products.winograd {
		if choice.worth {
			t.Errorf("pass %d would be tried again", key.pass)
		}
	}
}

// TestChooseWinograd checks the choice for an H100: many channels and pixels, in float32.
func TestChooseWinograd(t *testing.T) {
	d := &Device{}
	d.info.Processors = 132
	none, all := [3]int{}, [3]int{3, 3, 3}
	for _, s := range []struct {
		kernel.Conv
		m [3]int // of the filter for each pass; 0 for the implicit GEMM
	}{
		{winogradConv(8, 64, 64, 256, 256, 4), all}, {winogradConv(8, 32, 32, 256, 256, 4), all},
		{winogradConv(8, 16, 16, 256, 256, 3), [3]int{2, 2, 2}},
		{winogradConv(32, 2, 2, 512, 512, 4), none}, // mostly weights
		{winogradConv(8, 16, 16, 64, 64, 3), none},  // too small
		{winogradConv(8, 64, 64, 258, 256, 4), none},
	} {
		for p, a := range arithmetics {
			d.SetPrecision(kernel.Precision(p))
			u := implicitGemm{"conv2d_forward", s.N * s.OH * s.OW, s.O, s.KH * s.KW * s.C, 1}
			for pass, m := range s.m {
				way, worth := d.chooseWinograd(s.Conv, direction(pass), u, kernel.Buffer{}, kernel.Buffer{}, kernel.Buffer{})
				if a.tensor {
					m = 0
				}
				if worth != (m > 0) || worth && way.M != m {
					t.Errorf("%s, direction %d of %+v: F(%d, %d), worth it: %v; want F(%d, …)", a.name, pass, s.Conv, way.M, way.R, worth, m)
				}
			}
		}
	}
}

// TestWinogradParts checks that images are computed in parts of equal size, and that the points stay within their limit.
func TestWinogradParts(t *testing.T) {
	for _, s := range []struct{ images, size, want int }{{8, 64, 4}, {9, 64, 5}, {3, 16, 3}, {1, 256, 0}} {
		w, ok := planWinograd(winogradConv(s.images, s.size, s.size, 256, 256, 4), forward, winograd.Filter{M: 3, R: 2})
		if ok != (s.want > 0) || ok && w.images != s.want {
			t.Errorf("%d images of %d pixels: %d at a time, %v", s.images, s.size, w.images, ok)
		}
		if held := w.tiles(w.images)*w.Points()*(w.inputs()+w.O) + w.weights(); ok && held > winogradNumbers {
			t.Errorf("%d images of %d pixels hold %d points", s.images, s.size, held)
		}
	}
}

// TestWinogradNaN has a NaN in an operand: it must reach all results that depend on it, and no others than kernel.Conv allows.
func TestWinogradNaN(t *testing.T) {
	d := deviceToTest(t)
	setPrecision(t, d, kernel.Highest)
	const channels = 8
	for _, s := range []struct {
		winograd.Filter
		size int
	}{{winograd.Filter{M: 2, R: 3}, 3}, {winograd.Filter{M: 2, R: 2}, 4}, {winograd.Filter{M: 3, R: 2}, 4}} {
		c := winogradConv(1, 7, 7, channels, channels, s.size)
		pixels, results, weights := c.H*c.W*channels, c.OH*c.OW*channels, c.KH*c.KW*channels*channels
		for _, at := range []int{0, (3*c.W+4)*channels + 2, pixels - 1} {
			passes := func(d kernel.Device) (y, gx, gw []float32) {
				place := func(n, at int) kernel.Buffer {
					values := slices.Repeat([]float32{1}, n)
					if at >= 0 {
						values[at] = float32(math.NaN())
					}
					b := d.Alloc(n)
					d.Upload(b, values)
					return b
				}
				x, clean, w, up, none := place(pixels, at), place(results, -1), place(weights, -1), place(results, at%results), kernel.Buffer{}
				toY, toGX, toGW := place(results, -1), place(pixels, -1), place(weights, -1)
				defer byWinograd(t, d, c, s.Filter, 1)()
				d.Conv2d(c, x, w, none, toY)
				d.Conv2dBackwardInput(c, up, w, none, toGX)
				d.Conv2dBackwardWeight(c, x, clean, toGW)
				y, gx, gw = make([]float32, results), make([]float32, pixels), make([]float32, weights)
				d.Download(y, toY)
				d.Download(gx, toGX)
				d.Download(gw, toGW)
				return y, gx, gw
			}
			y, gx, gw := passes(d)
			wantY, wantGX, wantGW := passes(cpu.NewFloat64(1))
			checkNaN(t, "output", y, wantY, c.OH, c.OW, channels, 3)
			checkNaN(t, "gradient of the input", gx, wantGX, c.H, c.W, channels, 3*c.StrideH)
			for i, v := range gw {
				if seen := i/c.O%c.C == at%c.C; v == v && wantGW[i] != wantGW[i] || v != v && !seen {
					t.Fatalf("F(%d, %d), NaN in channel %d: weight %d is %g", s.M, s.R, at%c.C, i, v)
				}
			}
		}
	}
}

// checkNaN checks which pixels of an image are NaN: all that must be, and others only within a distance of less than near pixels
// from these.
func checkNaN(t *testing.T, name string, got, want []float32, height, width, channels, near int) {
	t.Helper()
	for i, v := range got {
		y, x, channel := i/channels/width, i/channels%width, i%channels
		needed, allowed := want[i] != want[i], false
		for yy := max(0, y-near+1); yy < min(height, y+near); yy++ {
			for xx := max(0, x-near+1); xx < min(width, x+near); xx++ {
				v := want[(yy*width+xx)*channels+channel]
				allowed = allowed || v != v
			}
		}
		if isNaN := v != v; isNaN && !allowed || !isNaN && needed {
			t.Fatalf("%s: channel %d of pixel %d, %d is %g, want %g", name, channel, y, x, v, want[i])
		}
	}
}
