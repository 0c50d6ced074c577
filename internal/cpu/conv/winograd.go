package conv

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/winograd"
)

// Convolutions with many channels are computed by Winograd's minimal filtering (Winograd, 1980; Lavin and Gray, 2016): F(m×m, r×r)
// computes m×m outputs of an r×r kernel with n×n multiplications, n = m+r−1, instead of m²·r². Additions transform tiles of n×n
// input pixels to n×n points; each point is a matrix product over the channels; additions transform the products to outputs.
//
// A kernel with stride 2 is split into its phases (even and odd rows and columns): Forward is the sum of four convolutions with
// stride 1, and BackwardInput is one convolution for each phase of its result. BackwardWeight is the transposed algorithm,
// F(r×r, m×m) on the same points.
//
// Points are sums of input pixels, so an infinity may become NaN, and both reach all outputs of a tile.

// winogradJob is the convolution that runs. Its parts are convolutions with stride 1 and kernels of the same shape.
type winogradJob struct {
	winograd.Filter
	n            int // points along an axis: m + r − 1
	rows, across int // tiles of an image
	tiles        int // of all images
	depth, width int // channels of the input and of the output of the products
	parts        []winogradPart
	sum          bool      // the parts are added; otherwise each has a result of its own
	tasks        int       // ranges of tiles
	weights      []float32 // [part, point, panel of width, depth, tile's width]
	constant     uint64    // kernel.Conv.Constant
	w            uintptr
	wStride      int  // bytes between w's rows
	transposed   bool // w's rows lie along the depth
	bias         uintptr
	act          kernel.Activation
	slope        float32
	images       winogradImages // of the gradient of the weights
}

// winogradPart is a convolution of stride 1 between pixels of grids.
type winogradPart struct {
	in, out    gemm.Grid
	inY, inX   int    // first pixel of the first tile of the input
	outY, outX int    // and of the output
	taps       [9]int // offsets of the part's weights, in bytes
}

const (
	// winogradTiles is the number of tiles that a worker transforms at a time; they stay in its level-2 cache. A sum of parts takes
	// winogradSumTiles, which don't, because the weights of all parts, which may exceed the level-3 cache, are read again for each
	// range of tiles.
	winogradTiles, winogradSumTiles = 48, 192
)

// beginWinograd sets up the job for parts whose results have height×width pixels.
func (p *Engine) beginWinograd(c kernel.Conv, f winograd.Filter, height, width int) *winogradJob {
	j := &p.winograd
	*j = winogradJob{
		Filter: f, n: f.Axis(), rows: gemm.Ceil(height, f.M), across: gemm.Ceil(width, f.M), parts: j.parts[:0], constant: c.Constant,
		images: j.images,
	}
	j.tiles = c.N * j.rows * j.across
	return j
}

// tile returns the image of tile i and its first output pixel.
func (j *winogradJob) tile(i int) (image, y, x int) {
	inImage := i % (j.rows * j.across)
	return i / (j.rows * j.across), j.M * (inImage / j.across), j.M * (inImage % j.across)
}

// winogradForward is Forward: the sum of a part for each phase.
func (p *Engine) winogradForward(c kernel.Conv, f winograd.Filter, x, w, bias, y []float32) {
	j := p.beginWinograd(c, f, c.OH, c.OW)
	j.depth, j.width, j.sum = c.C, c.O, true
	j.w, j.wStride, j.bias, j.act, j.slope = gemm.Address(w), 4*c.O, gemm.Address(bias), c.Act, float32(c.Slope)
	p.addInputPhases(j, c, x)
	for i := range j.parts {
		j.parts[i].out = p.outputGrid(c, y)
	}
	p.runWinograd(j)
}

// addInputPhases adds a part for each phase of the input.
func (p *Engine) addInputPhases(j *winogradJob, c kernel.Conv, x []float32) {
	for phaseY := range c.StrideH {
		for phaseX := range c.StrideW {
			part := winogradPart{in: p.inputGrid(c, x), inY: phaseY - c.PadH, inX: phaseX - c.PadW}
			for a := range j.R {
				for b := range j.R {
					tap := (a*c.StrideH+phaseY)*c.KW + b*c.StrideW + phaseX
					part.taps[a*j.R+b] = 4 * tap * c.C * c.O
				}
			}
			j.parts = append(j.parts, part)
		}
	}
}

// winogradBackwardInput is BackwardInput: each phase of the result is a convolution of the output's gradient with the weights of a
// phase, in reverse order.
func (p *Engine) winogradBackwardInput(c kernel.Conv, f winograd.Filter, gy, w, bias, gx []float32) {
	j := p.beginWinograd(c, f, gemm.Ceil(c.H, c.StrideH), gemm.Ceil(c.W, c.StrideW))
	j.depth, j.width, j.transposed = c.O, c.C, true
	j.w, j.wStride, j.bias, j.act, j.slope = gemm.Address(w), 4*c.O, gemm.Address(bias), c.Act, float32(c.Slope)
	for phaseY := range c.StrideH {
		for phaseX := range c.StrideW {
			firstY, firstX := (phaseY+c.PadH)%c.StrideH, (phaseX+c.PadW)%c.StrideW // phase of the weights
			part := winogradPart{
				in: p.outputGrid(c, gy), inY: (phaseY+c.PadH)/c.StrideH - f.R + 1, inX: (phaseX+c.PadW)/c.StrideW - f.R + 1,
				out: p.inputGrid(c, gx), outY: phaseY, outX: phaseX,
			}
			for a := range f.R {
				for b := range f.R {
					tap := ((f.R-1-a)*c.StrideH+firstY)*c.KW + (f.R-1-b)*c.StrideW + firstX
					part.taps[a*f.R+b] = 4 * tap * c.C * c.O
				}
			}
			j.parts = append(j.parts, part)
		}
	}
	p.runWinograd(j)
}
