package transformer

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// chunkLogits is the number of logits that LinearCrossEntropy holds at a time: those of 512 rows with a vocabulary of 50,000
// tokens. So many rows share the cost of reading the table.
const chunkLogits = 25 << 20

// LinearCrossEntropy is the mean of −log softmax(x·wᵀ + bias)[label] in nats, over the rows of x [..., D] whose label is not
// negative. w [V, D] is a table with a row per class, like an embedding's; bias [V] may be nil. labels has one label per row;
// they are a slice because counting them on a GPU would mean waiting for it.
//
// Logits are computed in chunks of rows and are never in memory as a whole. The result is a single number, so the gradients
// are known up to a factor as soon as the logits are, and are computed along with them.
func LinearCrossEntropy(x, w, bias *tensor.Tensor, labels []int32) *tensor.Tensor {
	depth := x.Dim(-1)
	rows := x.Len() / max(1, depth)
	if w.Rank() != 2 || w.Dim(1) != depth || bias != nil && bias.Len() != w.Dim(0) || len(labels) != rows {
		panic(fmt.Sprintf("transformer: cross-entropy of %v with %v, %v and %d labels", x, w, bias, len(labels)))
	}
	d := x.Device()
	labelled := 0
	for _, l := range labels {
		if l >= 0 {
			labelled++
		}
	}
	loss := d.Full(0, 1)
	if labelled == 0 {
		return loss
	}
	c := linearCrossEntropy{
		k: engine.Kernels(d), rows: rows, depth: depth, classes: w.Dim(0), scale: 1 / float64(labelled),
		x: engine.Data(x), w: engine.Data(w), bias: engine.Data(bias), labels: engine.Data(d.Ints(labels)), loss: engine.Data(loss),
	}
	recording := engine.Recording(d, x, w, bias)
	if recording {
		c.gx, c.gw, c.gbias = engine.BorrowGrad(d, x), engine.BorrowGrad(d, w), engine.BorrowGrad(d, bias)
	}
	c.run(d, recording)
	if recording {
		gx, gw, gbias := c.gx, c.gw, c.gbias // for a loss whose own gradient is 1
		engine.Record(d, func() {
			returnScaled(x, gx, loss)
			returnScaled(w, gw, loss)
			returnScaled(bias, gbias, loss)
		}, loss)
	}
	return loss
}

// returnScaled adds g, of engine.BorrowGrad, times the gradient of loss to t's gradient.
func returnScaled(t *tensor.Tensor, g kernel.Buffer, loss *tensor.Tensor) {
	if g.IsNil() {
		return
	}
	d := loss.Device()
	scale := kernel.Broadcast{Rank: 1, Shape: kernel.Dims{g.Len}, StrideA: kernel.Dims{1}}
	engine.Kernels(d).Binary(kernel.Mul, scale, g, engine.Grad(loss), g)
	engine.ReturnGrad(d, t, g)
}

// linearCrossEntropy holds the operands of LinearCrossEntropy.
type linearCrossEntropy struct {
	k                    kernel.Device
	rows, depth, classes int
	scale                float64 // 1/labelled rows
	x, w, bias, labels   kernel.Buffer
	loss                 kernel.Buffer // 0 before run
	gx, gw, gbias        kernel.Buffer // nil where no gradient is wanted
}

// run adds up the loss and, where recording, computes the gradients.
func (c *linearCrossEntropy) run(d *tensor.Device, recording bool) {
	chunks := (c.rows*c.classes + chunkLogits - 1) / chunkLogits
	most := (c.rows + chunks - 1) / chunks
	space := most * c.classes
	if chunks > 1 {
		space = max(space, chunkLogits) // the same for every vocabulary, so that the buffer is reused
	}
	logits, losses, term := engine.Take(d, space), engine.Take(d, most), engine.Take(d, max(1, c.classes))
	share := engine.Take(d, most) // the gradient of each row's loss
	c.k.Fill(share, c.scale)
	for first := 0; first < c.rows; first += most {
		n := min(most, c.rows-first)
		x, labels := c.x.Slice(first*c.depth, n*c.depth), c.labels.Slice(first, n)
		logits, losses := logits.Slice(0, n*c.classes), losses.Slice(0, n)
		c.k.Gemm(kernel.Gemm{
			M: n, N: c.classes, K: c.depth, TransB: true, LdA: c.depth, LdB: c.depth, LdC: c.classes,
		}, x, c.w, c.bias, logits)
		c.k.CrossEntropy(n, c.classes, logits, labels, losses)
		c.k.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: n, Inner: 1}, c.scale, losses, term.Slice(0, 1))
		c.k.AddScaled(1, term.Slice(0, 1), c.loss)
		if recording {
			c.k.CrossEntropyGrad(n, c.classes, logits, labels, share.Slice(0, n), logits) // in place: an element depends on its row only
			c.addGrads(first, n, x, logits, term)
		}
	}
	for _, b := range []kernel.Buffer{logits, losses, term, share} {
		engine.Give(d, b)
	}
}

// addGrads adds the gradients of a chunk of n rows from first on, given those of their logits. term is scratch memory.
func (c *linearCrossEntropy) addGrads(first, n int, x, logits, term kernel.Buffer) {
	if !c.gx.IsNil() {
		c.k.Gemm(kernel.Gemm{
			M: n, N: c.depth, K: c.classes, LdA: c.classes, LdB: c.depth, LdC: c.depth,
		}, logits, c.w, kernel.Buffer{}, c.gx.Slice(first*c.depth, n*c.depth))
	}
	if !c.gw.IsNil() {
		c.k.Gemm(kernel.Gemm{
			M: c.classes, N: c.depth, K: n, TransA: true, LdA: c.classes, LdB: c.depth, LdC: c.depth, Accumulate: first > 0,
		}, logits, x, kernel.Buffer{}, c.gw)
	}
	if !c.gbias.IsNil() {
		sum := c.gbias
		if first > 0 {
			sum = term.Slice(0, c.classes)
		}
		c.k.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: n, Inner: c.classes}, 1, logits, sum)
		if first > 0 {
			c.k.AddScaled(1, sum, c.gbias)
		}
	}
}
