package bench

import (
	"math/bits"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// counter is a device that counts the floating-point operations of its products, two a multiply-add. Other kernels do
// few of them and wait for memory; they are not counted.
type counter struct {
	kernel.Device
	flops float64
	masks map[*kernel.AttentionMask][]int32 // rows of masks, wherever the device has them
}

// Features implements kernel.Device: the features of the wrapped device, with counters around those that multiply.
func (c *counter) Features() kernel.Features {
	f := c.Device.Features()
	if f.LinearGradients != nil {
		f.LinearGradients = linearCounter{f.LinearGradients, c}
	}
	if f.LinearGradStepper != nil {
		f.LinearGradStepper = stepperCounter{f.LinearGradStepper, c}
	}
	if f.Decoding != nil {
		f.Decoding = decodingCounter{f.Decoding, c}
	}
	return f
}

// linearCounter counts for kernel.LinearGradients.
type linearCounter struct {
	kernel.LinearGradients
	c *counter
}

// LinearGrad implements kernel.LinearGradients.
func (l linearCounter) LinearGrad(g kernel.LinearGrad, x, w, y, gy, gx, gw, gbias kernel.Buffer) {
	l.c.flops += linearGradFlops(g, gx)
	l.LinearGradients.LinearGrad(g, x, w, y, gy, gx, gw, gbias)
}

// stepperCounter counts for kernel.LinearGradStepper. Adam's operations aren't counted.
type stepperCounter struct {
	kernel.LinearGradStepper
	c *counter
}

// LinearGradStep implements kernel.LinearGradStepper.
func (s stepperCounter) LinearGradStep(g kernel.LinearGrad, a kernel.Adam, w kernel.AdamParam, x, y, gy, gx, gbias kernel.Buffer) {
	s.c.flops += linearGradFlops(g, gx)
	s.LinearGradStepper.LinearGradStep(g, a, w, x, y, gy, gx, gbias)
}

// linearGradFlops returns the operations of two products, or of one if there is no gradient of x.
func linearGradFlops(l kernel.LinearGrad, gx kernel.Buffer) float64 {
	products := 2.0
	if gx.IsNil() {
		products = 1
	}
	return products * 2 * float64(l.Rows) * float64(l.In) * float64(l.Out)
}

// Gemm implements kernel.Products: 2·M·N·K operations for each matrix of the batch.
func (c *counter) Gemm(g kernel.Gemm, a, b, bias, y kernel.Buffer) {
	c.flops += 2 * float64(max(1, g.Batch)) * float64(g.M) * float64(g.N) * float64(g.K)
	c.Device.Gemm(g, a, b, bias, y)
}

// Conv2d implements kernel.Products.
func (c *counter) Conv2d(v kernel.Conv, x, w, bias, y kernel.Buffer) {
	c.flops += convFlops(v)
	c.Device.Conv2d(v, x, w, bias, y)
}

// Conv2dBackwardInput implements kernel.Products.
func (c *counter) Conv2dBackwardInput(v kernel.Conv, gy, w, bias, gx kernel.Buffer) {
	c.flops += convFlops(v)
	c.Device.Conv2dBackwardInput(v, gy, w, bias, gx)
}

// Conv2dBackwardWeight implements kernel.Products.
func (c *counter) Conv2dBackwardWeight(v kernel.Conv, x, gy, gw kernel.Buffer) {
	c.flops += convFlops(v)
	c.Device.Conv2dBackwardWeight(v, x, gy, gw)
}

// Attention implements kernel.Sequences.
func (c *counter) Attention(a kernel.Attention, q, k, v, keep, y, logSum kernel.Buffer) {
	c.flops += 2 * c.attentionFlops(a)
	c.Device.Attention(a, q, k, v, keep, y, logSum)
}

// AttentionGrad implements kernel.Sequences: the scores are recomputed, and each product of the forward pass has two
// gradients.
func (c *counter) AttentionGrad(a kernel.Attention, q, k, v, keep, y, logSum, gy, gq, gk, gv kernel.Buffer) {
	c.flops += 5 * c.attentionFlops(a)
	c.Device.AttentionGrad(a, q, k, v, keep, y, logSum, gy, gq, gk, gv)
}

// attentionFlops returns the operations of one product over the pairs of query and key that the mask allows.
func (c *counter) attentionFlops(a kernel.Attention) float64 {
	pairs := a.Queries * a.Keys
	if a.Mask != nil {
		pairs = 0
		words := a.Mask.Words()
		for _, w := range c.rows(a.Mask)[a.First*words : (a.First+a.Queries)*words] {
			pairs += bits.OnesCount32(uint32(w))
		}
	}
	return 2 * float64(a.Batch) * float64(a.Heads) * float64(a.Dim) * float64(pairs)
}

// rows is m.Rows in the program's memory.
func (c *counter) rows(m *kernel.AttentionMask) []int32 {
	rows, ok := c.masks[m]
	if !ok {
		rows = make([]int32, m.Rows.Len)
		c.DownloadInts(rows, m.Rows)
		if c.masks == nil {
			c.masks = map[*kernel.AttentionMask][]int32{}
		}
		c.masks[m] = rows
	}
	return rows
}

// convFlops returns the operations of a convolution, which are also those of each of its gradients: two for each pair of
// an input value and a weight that are multiplied, for each output channel.
func convFlops(v kernel.Conv) float64 {
	rows := taps(v.OH, v.KH, v.StrideH, v.PadH, v.DilationH, v.H)
	columns := taps(v.OW, v.KW, v.StrideW, v.PadW, v.DilationW, v.W)
	return 2 * float64(v.N) * float64(rows) * float64(columns) * float64(v.C/max(1, v.Groups)) * float64(v.O)
}

// taps counts the pairs of an output and a tap of the kernel that lie within the picture, along one dimension.
func taps(outputs, kernel, stride, pad, dilation, size int) int {
	n := 0
	for i := range outputs {
		for a := range kernel {
			if at := i*stride + a*dilation - pad; at >= 0 && at < size {
				n++
			}
		}
	}
	return n
}
