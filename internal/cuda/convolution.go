package cuda

import (
	"math/bits"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// divisor is Divisor in convolution_patches.cuh: it divides n, from 0 to 2³¹−1, as (n·factor)>>32>>shift. Factor 0 divides
// by 1.
type divisor struct{ factor, shift uint32 }

// newDivisor returns the divisor for n (Granlund & Montgomery, 1994, with one bit less).
func newDivisor(n int) divisor {
	if n == 1 {
		return divisor{}
	}
	shift := bits.Len(uint(n-1)) - 1
	return divisor{factor: uint32((uint64(1)<<(32+shift) + uint64(n) - 1) / uint64(n)), shift: uint32(shift)}
}

// convolutionArguments is Convolution in convolution_patches.cuh.
type convolutionArguments struct {
	x, w, y                          uint64
	split                            splitArguments
	finish                           finishArguments
	images, height, width, channels  int32
	outChannels, outHeight, outWidth int32
	kernelHeight, kernelWidth        int32
	strideHeight, strideWidth        int32
	padHeight, padWidth              int32
	dilationHeight, dilationWidth    int32
	groups                           int32
	byOutWidth, byOutHeight          divisor
	down, across                     int32
	xVector, wVector                 int32
}

// Conv2d implements kernel.Products.
func (d *Device) Conv2d(c kernel.Conv, x, w, bias, y kernel.Buffer) {
	if y.Len == 0 {
		return
	}
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	if pointwise(c) {
		d.Gemm(kernel.Gemm{M: c.N * c.H * c.W, N: c.O, K: c.C, LdA: c.C, LdB: c.O, LdC: c.O, Act: c.Act, Slope: c.Slope}, x, w, bias, y)
		return
	}
	size := implicitGemm{"conv2d_forward", c.N * c.OH * c.OW, outputs, c.KH * c.KW * inputs, c.Groups}
	if way, ok := d.winogradPass(c, forward, size, x, w, y); ok {
		d.winogradResults(&way, x, w, bias, y)
		return
	}
	d.convolve(c, size, convolutionArguments{
		x: x.Addr, w: w.Addr, y: y.Addr,
		finish:  finishArguments{bias: bias.Addr, slope: float32(c.Slope), act: int32(c.Act), vector: flag(aligned16(y.Addr, c.O, outputs))},
		xVector: flag(aligned16(x.Addr, c.C, inputs)), wVector: flag(aligned16(w.Addr, c.O, outputs)),
	})
}

// Conv2dBackwardInput implements kernel.Products. A phase is the pixels of x whose coordinates have the same
// remainders modulo the strides: they meet gy at the same taps of the kernel, so each phase is a product.
func (d *Device) Conv2dBackwardInput(c kernel.Conv, gy, w, bias, gx kernel.Buffer) {
	if gx.Len == 0 {
		return
	}
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	if pointwise(c) {
		d.Gemm(kernel.Gemm{M: c.N * c.H * c.W, N: c.C, K: c.O, TransB: true, LdA: c.O, LdB: c.O, LdC: c.C, Act: c.Act, Slope: c.Slope}, gy, w, bias, gx)
		return
	}
	phases := c.StrideH * c.StrideW
	height, width := (c.H+c.StrideH-1)/c.StrideH, (c.W+c.StrideW-1)/c.StrideW // of the largest phase
	taps := mostTaps(c.KH, c.StrideH, c.DilationH) * mostTaps(c.KW, c.StrideW, c.DilationW)
	arguments := convolutionArguments{
		x: gy.Addr, w: w.Addr, y: gx.Addr,
		finish:  finishArguments{bias: bias.Addr, slope: float32(c.Slope), act: int32(c.Act), vector: flag(aligned16(gx.Addr, c.C, inputs))},
		xVector: flag(aligned16(gy.Addr, c.O, outputs)), wVector: flag(aligned16(w.Addr, c.O, outputs)),
	}
	if c.C <= narrow && c.Groups == 1 {
		p := d.convolution(c, arguments)
		const pixels = tileThreads / 8 // of a block
		blocks := (int(size32(c.N*height*width)) + pixels - 1) / pixels
		d.launch(function{"convolution", "conv2d_backward_input_narrow"}, dim3{uint32(blocks), 1, uint32(phases)}, dim3{tileThreads, 1, 1}, 0, structArg(p))
		return
	}
	size := implicitGemm{"conv2d_backward_input", c.N * height * width, inputs, taps * outputs, c.Groups * phases}
	if way, ok := d.winogradPass(c, backwardInput, size, gy, w, gx); ok {
		d.winogradResults(&way, gy, w, bias, gx)
		return
	}
	d.convolve(c, size, arguments)
}

// narrow is the number of input channels up to which conv2d_backward_input_narrow computes the gradient of the input:
// NARROW in convolution.cu.
const narrow = 4

// mostTaps is the largest number of taps of a phase of the stride, along one axis.
func mostTaps(kernel, stride, dilation int) int {
	step := stride // every step-th tap has the same remainder
	for t := stride - 1; t > 0; t-- {
		if t*dilation%stride == 0 {
			step = t
		}
	}
	return (kernel + step - 1) / step
}

// Conv2dBackwardWeight implements kernel.Products.
func (d *Device) Conv2dBackwardWeight(c kernel.Conv, x, gy, gw kernel.Buffer) {
	if gy.Len == 0 {
		d.Fill(gw, 0)
		return
	}
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	if pointwise(c) {
		d.Gemm(kernel.Gemm{M: c.C, N: c.O, K: c.N * c.H * c.W, TransA: true, LdA: c.C, LdB: c.O, LdC: c.O}, x, gy, kernel.Buffer{}, gw)
		return
	}
	size := implicitGemm{"conv2d_backward_weight", c.KH * c.KW * inputs, outputs, c.N * c.OH * c.OW, c.Groups}
	if way, ok := d.winogradPass(c, backwardWeight, size, x, gy, gw); ok {
		d.winogradWeights(&way, x, gy, gw)
		return
	}
	d.convolve(c, size, convolutionArguments{
		x: x.Addr, w: gy.Addr, y: gw.Addr,
		finish:  finishArguments{vector: flag(aligned16(gw.Addr, c.O, outputs))},
		xVector: flag(aligned16(x.Addr, c.C, inputs)), wVector: flag(aligned16(gy.Addr, c.O, outputs)),
	})
}

// pointwise reports whether a convolution is a plain matrix product.
func pointwise(c kernel.Conv) bool {
	return c.KH == 1 && c.KW == 1 && c.StrideH == 1 && c.StrideW == 1 && c.PadH == 0 && c.PadW == 0 && c.Groups == 1 && c.OH == c.H && c.OW == c.W
}

// implicitGemm is a convolution as count products of m×n numbers and depth k: kernels of a kind gather the patches (im2col)
// while they load the operand.
type implicitGemm struct {
	kind           string
	m, n, k, count int
}

func (d *Device) planConvolution(u implicitGemm) planned {
	return d.planned("convolution", u.kind, u.m, u.n, u.k, u.count)
}

// convolve launches a convolution as an implicit GEMM.
func (d *Device) convolve(c kernel.Conv, u implicitGemm, arguments convolutionArguments) {
	plan := d.planConvolution(u)
	p := d.convolution(c, arguments)
	size32(u.m)
	size32(u.k)
	p.split, p.down, p.across = d.splitting(plan.tiling), int32(plan.down), int32(plan.across)
	d.launch(plan.function, plan.grid(), dim3{tileThreads, 1, 1}, plan.sharedMemory(), structArg(p))
}

// convolution completes arguments with the sizes of c.
func (d *Device) convolution(c kernel.Conv, arguments convolutionArguments) *convolutionArguments {
	p := &d.arguments.convolution
	*p = arguments
	p.images, p.height, p.width, p.channels = int32(c.N), int32(c.H), int32(c.W), int32(c.C)
	p.outChannels, p.outHeight, p.outWidth = int32(c.O), int32(c.OH), int32(c.OW)
	p.kernelHeight, p.kernelWidth = int32(c.KH), int32(c.KW)
	p.strideHeight, p.strideWidth, p.padHeight, p.padWidth = int32(c.StrideH), int32(c.StrideW), int32(c.PadH), int32(c.PadW)
	p.dilationHeight, p.dilationWidth, p.groups = int32(c.DilationH), int32(c.DilationW), int32(c.Groups)
	p.byOutWidth, p.byOutHeight = newDivisor(c.OW), newDivisor(c.OH)
	return p
}
