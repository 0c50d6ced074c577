package cuda

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/winograd"
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

// transforms are the kernels of a filter: from n×n, m×m and r×r pixels to points, and from points to m×m and r×r pixels.
type transforms struct{ input, expandM, expandR, collectM, collectR function }

func transformsOf(f winograd.Filter) transforms {
	named := func(name string, k int) function {
		return function{"winograd", fmt.Sprintf("winograd_%s_%d_%d", name, f.Axis(), k)}
	}
	return transforms{
		function{"winograd", fmt.Sprintf("winograd_input_%d", f.Axis())},
		named("expand", f.M), named("expand", f.R), named("collect", f.M), named("collect", f.R),
	}
}

// lattice is where the pixels of tiles lie in an image; the fields are those of Winograd in winograd.cu.
type lattice struct {
	height, width, channels     int
	sides, down, across         int
	first, pitch, step, advance int
}

// inputPixels is the lattice of the input of a Conv2d, in phases.
func (w *winogradPlan) inputPixels() lattice {
	return lattice{w.H, w.W, w.C, w.StrideH, w.down, w.across, -w.PadH, w.M * w.StrideH, w.StrideH, 1}
}

// outputPixels is the lattice of the output of a Conv2d, shifted by first pixels.
func (w *winogradPlan) outputPixels(first int) lattice {
	return lattice{w.OH, w.OW, w.O, 1, w.down, w.across, first, w.M, 1, 0}
}

// gradientPixels is the lattice of the gradient of the input: a tile of odd pixels lies before that of the even ones.
func (w *winogradPlan) gradientPixels() lattice {
	return lattice{w.H, w.W, w.C, w.StrideH, w.down, w.across, 0, w.M * w.StrideH, w.StrideH, -1}
}

// taps is the lattice of the weights: an image of one tile, with a channel for each pair of channels. The gradient of the
// input takes the taps in reverse.
func (w *winogradPlan) taps() lattice {
	l := lattice{w.KH, w.KW, w.C * w.O, w.StrideH, 1, 1, 0, 0, w.StrideH, 1}
	if w.direction == backwardInput {
		l.first, l.step, l.advance = w.KH-1, -w.StrideH, -1
	}
	return l
}

// transform launches a transform of the tiles of a number of images.
func (d *Device) transform(f function, images int, l lattice, a winogradArguments) {
	a.quadruples, a.sides, a.down, a.across = int32(l.channels/4), int32(l.sides), int32(l.down), int32(l.across)
	a.height, a.width = int32(l.height), int32(l.width)
	a.first, a.pitch, a.step, a.advance = int32(l.first), int32(l.pitch), int32(l.step), int32(l.advance)
	count := images * l.down * l.across * l.sides * l.sides * l.channels / 4
	a.count = int64(count) // far below 2³², since winogradNumbers bounds the points
	p := &d.arguments.transform
	*p = a
	d.launch(f, gridFor(count, 1), dim3{threads, 1, 1}, 0, structArg(p))
}

// toPoints transforms pixels to points.
func (d *Device) toPoints(f function, images int, l lattice, pixels, points kernel.Buffer) {
	d.transform(f, images, l, winogradArguments{pixels: pixels.Addr, points: points.Addr})
}

// winogradMemory returns the memory for the points of the input, the output and the weights.
func (d *Device) winogradMemory(w *winogradPlan) (input, output, weights kernel.Buffer) {
	in, out := w.held()
	all := d.workspace("winograd", in+out+w.weights())
	return all.Slice(0, in), all.Slice(in, out), all.Slice(in+out, w.weights())
}

// winogradPass returns the plan for a pass of a convolution. ok is false if the implicit GEMM u is to be used instead: where
// it takes less time, or where there is no memory for the points.
func (d *Device) winogradPass(c kernel.Conv, pass direction, u implicitGemm, a, b, result kernel.Buffer) (w winogradPlan, ok bool) {
	w, worth := d.chooseWinograd(c, pass, u, a, b, result)
	return w, worth && d.reserveWinograd(&w)
}

// reserveWinograd takes the memory for a plan. If there is too little, the convolution is computed as an implicit GEMM from
// then on.
func (d *Device) reserveWinograd(w *winogradPlan) (ok bool) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case *fault.OutOfMemory:
			d.products.winograd[winogradKeyOf(w.Conv, w.direction)] = winogradChoice{}
		default:
			panic(failure)
		}
	}()
	d.winogradMemory(w)
	return true
}

// winogradResults computes a Conv2d, or the gradient of its input.
func (d *Device) winogradResults(w *winogradPlan, x, weights, bias, y kernel.Buffer) {
	points, products, transformed := d.winogradMemory(w)
	from, to := w.inputPixels(), w.outputPixels(0)
	if w.direction == backwardInput {
		points, products = products, points
		from, to = w.outputPixels(-w.PadH), w.gradientPixels()
	}
	d.toPoints(w.expandR, 1, w.taps(), weights, transformed)
	for image := 0; image < w.N; image += w.images {
		images := min(w.images, w.N-image)
		d.toPoints(w.input, images, from, skip(x, image*from.height*from.width*from.channels), points)
		d.Gemm(w.product(images), points, transformed, kernel.Buffer{}, products)
		d.transform(w.collectM, images, to, winogradArguments{
			pixels: skip(y, image*to.height*to.width*to.channels).Addr, points: products.Addr,
			bias: bias.Addr, act: int32(w.Act), slope: float32(w.Slope),
		})
	}
}

// winogradWeights computes the gradient of the weights.
func (d *Device) winogradWeights(w *winogradPlan, x, gy, gw kernel.Buffer) {
	input, output, sums := d.winogradMemory(w)
	for image := 0; image < w.N; image += w.images {
		images := min(w.images, w.N-image)
		d.toPoints(w.input, images, w.inputPixels(), skip(x, image*w.H*w.W*w.C), input)
		d.toPoints(w.expandM, images, w.outputPixels(0), skip(gy, image*w.OH*w.OW*w.O), output)
		g := w.product(images)
		g.Accumulate = image > 0
		d.Gemm(g, input, output, kernel.Buffer{}, sums)
	}
	d.transform(w.collectR, 1, w.taps(), winogradArguments{pixels: gw.Addr, points: sums.Addr})
}
