package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Convolutions of 3×3 with stride 1 and of 4×4 with stride 2 are computed by Winograd's algorithm where it is reckoned to
// take less time: F(m×m, r×r) gets m×m outputs of a kernel of r×r from n×n products, n = m+r−1, instead of m²·r². The
// transforms and their matrices are in kernels/winograd.cu; each of the n×n points is a matrix product over the channels of
// all tiles, one of a batch.
//
// With stride 2, rows and columns fall into two phases each, even and odd ones, and every phase of the pixels meets a phase
// of the kernel, of 2×2 taps. A Conv2d adds up its phases: they lie side by side in the depth of the products. Its input's
// gradient has phases of results, beside each other in the columns: with tiles of the odd ones a pixel further back, all see
// the same points. The gradient of the weights is F(r×r, m×m) of the points of Conv2d.
//
// Points are sums of pixels, so an infinity may become NaN, and both reach all outputs of a tile; see kernel.Conv.

// direction is a pass of a convolution.
type direction int

const (
	forward direction = iota
	backwardInput
	backwardWeight
)

// filtering is F(m×m, r×r).
type filtering struct{ m, r int }

// The ways for kernels of 3×3 and of 4×4.
var filterings3, filterings4 = []filtering{{2, 3}}, []filtering{{2, 2}, {3, 2}}

// winograd is a pass of a convolution, and how it is computed.
type winograd struct {
	kernel.Conv
	filtering
	direction
	points       int // of a tile
	down, across int // tiles of an image
	images       int // at a time
	transforms
}

// winogradNumbers bounds the points that are held at a time: 256 MB. A convolution of more is computed some images at a time.
const winogradNumbers = 1 << 26

// inputs is the number of channels of the convolution's input, or of its gradient, in all phases.
func (w *winograd) inputs() int { return w.StrideH * w.StrideW * w.C }

// weights is the number of points of the weights.
func (w *winograd) weights() int { return w.points * w.inputs() * w.O }

// tiles is the number of tiles of so many images.
func (w *winograd) tiles(images int) int { return images * w.down * w.across }

// held is the number of points of the input's images and of the output's that are held at a time.
func (w *winograd) held() (in, out int) {
	tiles := w.tiles(w.images) * w.points
	return tiles * w.inputs(), tiles * w.O
}

// product is the product of points of so many images; one of a batch, of which there is one for each point.
func (w *winograd) product(images int) kernel.Gemm {
	tiles, in, out := w.tiles(images), w.inputs(), w.O
	g := kernel.Gemm{Batch: w.points, LdA: in, LdB: out, LdC: out, StrideA: tiles * in, StrideB: in * out, StrideC: tiles * out}
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

// winogradOf returns the pass by a filtering; false where there is no such way, or the points of one image are too many.
func winogradOf(c kernel.Conv, pass direction, f filtering) (w winograd, ok bool) {
	rows, columns := c.OH, c.OW
	if pass == backwardInput { // odd pixels belong to the tile behind
		rows, columns = rows+c.StrideH-1, columns+c.StrideW-1
	}
	w = winograd{
		Conv: c, filtering: f, direction: pass, points: (f.m + f.r - 1) * (f.m + f.r - 1),
		down: (rows + f.m - 1) / f.m, across: (columns + f.m - 1) / f.m, transforms: f.transforms(),
	}
	room := (winogradNumbers - w.weights()) / (w.tiles(1) * w.points * (w.inputs() + w.O))
	if room < 1 {
		return w, false
	}
	parts := (c.N + room - 1) / room
	w.images = (c.N + parts - 1) / parts
	return w, true
}

// winogradFilterings returns the ways that there are for a convolution.
func winogradFilterings(c kernel.Conv) []filtering {
	const quadruple = 4
	if c.Groups != 1 || c.DilationH != 1 || c.DilationW != 1 || c.StrideH != c.StrideW || c.PadH != 1 || c.PadW != 1 || c.KH != c.KW ||
		c.H != c.OH*c.StrideH || c.W != c.OW*c.StrideW || c.C%quadruple != 0 || c.O%quadruple != 0 {
		return nil
	}
	switch {
	case c.KH == 3 && c.StrideH == 1:
		return filterings3
	case c.KH == 4 && c.StrideH == 2:
		return filterings4
	default:
		return nil
	}
}

// winogradKey is what the choice of a way depends on, and winogradChoice that choice.
type winogradKey struct {
	images, height, width, in, out, size int
	pass                                 direction
}

type winogradChoice struct {
	winograd
	worth bool
}

func winogradKeyOf(c kernel.Conv, pass direction) winogradKey {
	return winogradKey{c.N, c.H, c.W, c.C, c.O, c.KH, pass}
}

// chooseWinograd returns the way that is reckoned to take the least time for a pass of a convolution between operands, and
// whether that is less than unfolded. Tensor cores multiply faster than points are made, and would round those.
func (d *Device) chooseWinograd(c kernel.Conv, pass direction, u unfolded, a, b, result kernel.Buffer) (winograd, bool) {
	filterings := winogradFilterings(c)
	if len(filterings) == 0 || arithmetics[d.products.precision].tensor || !quadruples(a.Addr|b.Addr|result.Addr) {
		return winograd{}, false
	}
	key := winogradKeyOf(c, pass)
	best, ok := d.products.winograd[key]
	if !ok {
		const margin = 0.95 // since neither is known that well
		least := margin * d.plannedUnfolded(u).cycles
		for _, f := range filterings {
			w, fits := winogradOf(c, pass, f)
			if !fits {
				continue
			}
			if cycles := d.winogradCycles(&w); cycles < least {
				best, least = winogradChoice{w, true}, cycles
			}
		}
		remember(&d.products.winograd, key, best)
	}
	best.Conv = c
	return best.winograd, best.worth
}

// winogradCycles is what a pass is reckoned to take.
func (d *Device) winogradCycles(w *winograd) float64 {
	in, out := w.held()
	pixelsIn, pixelsOut := w.images*w.H*w.W*w.C, w.images*w.OH*w.OW*w.O
	held := in + out + w.weights()
	small, tiles := d.reckoned(w.product(w.images))
	each := max(min(small, tiles), d.passing(held, held))
	each += d.passing(in+pixelsIn, held) + d.passing(out+pixelsOut, held) + 2*launchCycles
	parts := (w.N + w.images - 1) / w.images
	return float64(parts)*each + d.passing(w.weights()+w.KH*w.KW*w.C*w.O, held) + launchCycles
}

// passing is the number of cycles in which so many numbers are read or written, in kernels that share held ones.
func (d *Device) passing(numbers, held int) float64 {
	const memory, cache, fits = 12.3, 19.0, 30 << 20 // bytes a cycle of a processor; bytes that stay in the cache
	rate := memory
	if 4*held < fits {
		rate = cache
	}
	return 4 * float64(numbers) / (rate * float64(d.info.Processors))
}
