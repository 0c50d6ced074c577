package cuda

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// winogradArguments is Winograd in winograd.cu.
type winogradArguments struct {
	pixels, points, bias             uint64
	count                            int64
	quadruples, sides, down, across  int32
	height, width                    int32
	first, pitch, step, advance, act int32
	slope                            float32
}

// transforms are the kernels of a filtering: from pixels of n×n, m×m and r×r to points, and from points to m×m and r×r.
type transforms struct{ input, expandM, expandR, collectM, collectR function }

func (f filtering) transforms() transforms {
	n := f.m + f.r - 1
	named := func(name string, k int) function {
		return function{"winograd", fmt.Sprintf("winograd_%s_%d_%d", name, n, k)}
	}
	return transforms{
		function{"winograd", fmt.Sprintf("winograd_input_%d", n)},
		named("expand", f.m), named("expand", f.r), named("collect", f.m), named("collect", f.r),
	}
}

// lattice says where pixels of tiles lie in an image; the numbers are Winograd's in winograd.cu.
type lattice struct {
	height, width, channels     int
	sides, down, across         int
	first, pitch, step, advance int
}

// wholeInput is where a Conv2d's input has the pixels of tiles, in phases.
func (w *winograd) wholeInput() lattice {
	return lattice{w.H, w.W, w.C, w.StrideH, w.down, w.across, -w.PadH, w.m * w.StrideH, w.StrideH, 1}
}

// output is where a Conv2d's output has them, so many pixels on.
func (w *winograd) output(first int) lattice {
	return lattice{w.OH, w.OW, w.O, 1, w.down, w.across, first, w.m, 1, 0}
}

// inputGradient is where they go in the gradient of the input: a tile of odd pixels lies behind the even ones.
func (w *winograd) inputGradient() lattice {
	return lattice{w.H, w.W, w.C, w.StrideH, w.down, w.across, 0, w.m * w.StrideH, w.StrideH, -1}
}

// taps is where they are in the weights, an image of one tile that has the pairs of channels for channels. The input's
// gradient takes them backwards.
func (w *winograd) taps() lattice {
	l := lattice{w.KH, w.KW, w.C * w.O, w.StrideH, 1, 1, 0, 0, w.StrideH, 1}
	if w.direction == backwardInput {
		l.first, l.step, l.advance = w.KH-1, -w.StrideH, -1
	}
	return l
}

// transform launches a transform of tiles of so many images.
func (d *Device) transform(f function, images int, l lattice, p winogradArguments) {
	p.quadruples, p.sides, p.down, p.across = int32(l.channels/4), int32(l.sides), int32(l.down), int32(l.across)
	p.height, p.width = int32(l.height), int32(l.width)
	p.first, p.pitch, p.step, p.advance = int32(l.first), int32(l.pitch), int32(l.step), int32(l.advance)
	count := images * l.down * l.across * l.sides * l.sides * l.channels / 4
	p.count = int64(count) // far from 2³², as points are bounded
	d.products.transform = p
	d.launch(f, gridFor(count, 1), dim3{threads, 1, 1}, 0, structArg(&d.products.transform))
}

// spread makes points of pixels.
func (d *Device) spread(f function, images int, l lattice, pixels, points kernel.Buffer) {
	d.transform(f, images, l, winogradArguments{pixels: pixels.Addr, points: points.Addr})
}

// winogradRoom is memory for the points of the three images of a convolution.
func (d *Device) winogradRoom(w *winograd) (input, output, weights kernel.Buffer) {
	in, out := w.held()
	all := d.workspace("winograd", in+out+w.weights())
	return all.Slice(0, in), all.Slice(in, out), all.Slice(in+out, w.weights())
}

// winogradFits takes that memory. Where there is none, the convolution is computed without from then on.
func (d *Device) winogradFits(w *winograd) (fits bool) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case *fault.OutOfMemory:
			d.products.winograd[winogradKeyOf(w.Conv, w.direction)] = winogradChoice{}
		default:
			panic(failure)
		}
	}()
	d.winogradRoom(w)
	return true
}

// winogradResults computes a Conv2d, or its input's gradient.
func (d *Device) winogradResults(w *winograd, x, weights, bias, y kernel.Buffer) {
	points, products, transformed := d.winogradRoom(w)
	from, to := w.wholeInput(), w.output(0)
	if w.direction == backwardInput {
		points, products = products, points
		from, to = w.output(-w.PadH), w.inputGradient()
	}
	d.spread(w.expandR, 1, w.taps(), weights, transformed)
	for image := 0; image < w.N; image += w.images {
		images := min(w.images, w.N-image)
		d.spread(w.input, images, from, skip(x, image*from.height*from.width*from.channels), points)
		d.Gemm(w.product(images), points, transformed, kernel.Buffer{}, products)
		d.transform(w.collectM, images, to, winogradArguments{
			pixels: skip(y, image*to.height*to.width*to.channels).Addr, points: products.Addr,
			bias: bias.Addr, act: int32(w.Act), slope: float32(w.Slope),
		})
	}
}

// winogradWeights computes the gradient of the weights.
func (d *Device) winogradWeights(w *winograd, x, gy, gw kernel.Buffer) {
	input, output, sums := d.winogradRoom(w)
	for image := 0; image < w.N; image += w.images {
		images := min(w.images, w.N-image)
		d.spread(w.input, images, w.wholeInput(), skip(x, image*w.H*w.W*w.C), input)
		d.spread(w.expandM, images, w.output(0), skip(gy, image*w.OH*w.OW*w.O), output)
		g := w.product(images)
		g.Accumulate = image > 0
		d.Gemm(g, input, output, kernel.Buffer{}, sums)
	}
	d.transform(w.collectR, 1, w.taps(), winogradArguments{pixels: gw.Addr, points: sums.Addr})
}
