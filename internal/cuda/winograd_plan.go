package cuda

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/winograd"
)

// Convolutions of 3×3 with stride 1 and of 4×4 with stride 2 are computed by Winograd's algorithm where it takes less
// estimated time; see package winograd. The transforms and their matrices are in winograd.cu. Each of the n×n points is a
// matrix product over the channels of all tiles, one product of a batch.
//
// With stride 2, a Conv2d adds up its phases: they lie side by side in the depth of the products. The gradient of the input
// has phases of results, side by side in the columns: the tiles of odd pixels are shifted back by one, so that all phases
// read the same points. The gradient of the weights is F(r×r, m×m) of the points of Conv2d.
//
// Points are sums of pixels, so an infinity may become NaN, and both reach all outputs of a tile; see kernel.Conv.

// direction is a pass of a convolution.
type direction int

const (
	forward direction = iota
	backwardInput
	backwardWeight
)

// winogradDevice has the constants of the kernels for package winograd. The margin covers the error of both estimates.
var winogradDevice = winograd.Device{Multiple: 4, Least: 1, Margin: 0.95}

// winogradPlan is a pass of a convolution by a filter.
type winogradPlan struct {
	kernel.Conv
	winograd.Filter
	direction
	down, across int // tiles of an image
	images       int // computed at a time
	transforms
}

// winogradNumbers bounds the points that are held at a time: 256 MB. A larger convolution is computed some images at a time.
const winogradNumbers = 1 << 26

// inputs is the number of channels of the convolution's input, or of its gradient, in all phases.
func (w *winogradPlan) inputs() int { return w.StrideH * w.StrideW * w.C }

// weights is the number of points of the weights.
func (w *winogradPlan) weights() int { return w.Points() * w.inputs() * w.O }

// tiles is the number of tiles of a number of images.
func (w *winogradPlan) tiles(images int) int { return images * w.down * w.across }

// held is the number of points, of the input and of the output, that are held at a time.
func (w *winogradPlan) held() (in, out int) {
	points := w.tiles(w.images) * w.Points()
	return points * w.inputs(), points * w.O
}

// product is the batch of products of a number of images, one product for each point.
func (w *winogradPlan) product(images int) kernel.Gemm {
	tiles, in, out := w.tiles(images), w.inputs(), w.O
	g := kernel.Gemm{Batch: w.Points(), LdA: in, LdB: out, LdC: out, StrideA: tiles * in, StrideB: in * out, StrideC: tiles * out}
	switch w.direction {
	case forward:
		g.M, g.N, g.K = tiles, out, in
	case backwardInput:
		g.M, g.N, g.K, g.TransB = tiles, in, out, true
		g.LdA, g.LdC, g.StrideA, g.StrideC = out, in, tiles*out, tiles*in
	case backwardWeight:
		g.M, g.N, g.K, g.TransA = in, out, tiles, true
		g.StrideB, g.StrideC = tiles*out, in*out
	}
	return g
}

// planWinograd returns the plan for a pass by a filter; false if the points of one image are too many.
func planWinograd(c kernel.Conv, pass direction, f winograd.Filter) (w winogradPlan, ok bool) {
	rows, columns := c.OH, c.OW
	if pass == backwardInput { // the tiles of odd pixels are shifted back
		rows, columns = rows+c.StrideH-1, columns+c.StrideW-1
	}
	w = winogradPlan{Conv: c, Filter: f, direction: pass, down: f.Tiles(rows), across: f.Tiles(columns), transforms: transformsOf(f)}
	room := (winogradNumbers - w.weights()) / (w.tiles(1) * w.Points() * (w.inputs() + w.O))
	if room < 1 {
		return w, false
	}
	parts := (c.N + room - 1) / room
	w.images = (c.N + parts - 1) / parts
	return w, true
}

// winogradKey is what the choice for a pass depends on, and winogradChoice is the choice.
type winogradKey struct {
	images, height, width, in, out, size int
	pass                                 direction
}

type winogradChoice struct {
	winogradPlan
	worth bool
}

func winogradKeyOf(c kernel.Conv, pass direction) winogradKey {
	return winogradKey{c.N, c.H, c.W, c.C, c.O, c.KH, pass}
}

// chooseWinograd returns the plan of least estimated time for a pass of a convolution, and whether it takes less time than
// the implicit GEMM u. Tensor cores multiply faster than pixels are transformed, and would round the points.
func (d *Device) chooseWinograd(c kernel.Conv, pass direction, u implicitGemm, a, b, result kernel.Buffer) (winogradPlan, bool) {
	if len(winogradDevice.Filters(c)) == 0 || arithmetics[d.products.precision].tensor || !aligned16(a.Addr|b.Addr|result.Addr) {
		return winogradPlan{}, false
	}
	key := winogradKeyOf(c, pass)
	choice, ok := d.products.winograd[key]
	if !ok {
		f, worth := winogradDevice.Choose(c, d.planConvolution(u).cycles, func(f winograd.Filter) float64 {
			w, fits := planWinograd(c, pass, f)
			if !fits {
				return math.Inf(1)
			}
			return d.winogradCycles(&w)
		})
		if worth {
			choice.winogradPlan, choice.worth = planWinograd(c, pass, f)
		}
		remember(&d.products.winograd, key, choice)
	}
	choice.Conv = c
	return choice.winogradPlan, choice.worth
}

// winogradCycles estimates the time of a pass.
func (d *Device) winogradCycles(w *winogradPlan) float64 {
	in, out := w.held()
	pixelsIn, pixelsOut := w.images*w.H*w.W*w.C, w.images*w.OH*w.OW*w.O
	held := in + out + w.weights()
	small, tiles := d.productCycles(w.product(w.images))
	each := max(min(small, tiles), d.trafficCycles(held, held))
	each += d.trafficCycles(in+pixelsIn, held) + d.trafficCycles(out+pixelsOut, held) + 2*launchCycles
	parts := (w.N + w.images - 1) / w.images
	return float64(parts)*each + d.trafficCycles(w.weights()+w.KH*w.KW*w.C*w.O, held) + launchCycles
}

// trafficCycles estimates the time to read or write some numbers, in kernels that share held numbers.
func (d *Device) trafficCycles(numbers, held int) float64 {
	const memory, cache, fits = 12.3, 19.0, 30 << 20 // bytes a cycle for each multiprocessor; bytes that stay in the cache
	rate := memory
	if 4*held < fits {
		rate = cache
	}
	return 4 * float64(numbers) / (rate * float64(d.info.Processors))
}
