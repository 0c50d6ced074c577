package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// logitsAtOnce is the number of logits that LinearCrossEntropy has in memory: those of 512 rows, which share what it
// costs to read the table, with a vocabulary of 50,000 words.
const logitsAtOnce = 25 << 20

// LinearCrossEntropy is the mean of −log softmax(x·wᵀ + bias)[label] in nats over the rows of t [..., D] that have a
// label, which is not negative. w [V, D] is a table with a row a class, as an embedding's; bias [V] may be nil. Labels are
// wanted where they come from: to count them on a GPU would mean to wait for it.
//
// Logits are computed for some rows at a time and are never whole in memory. Since the result is a single number, the
// gradients are known up to a factor as soon as they are, so they are computed along the way.
func (t *Tensor) LinearCrossEntropy(w, bias *Tensor, labels []int32) *Tensor {
	rows, depth := count(t.dims[:t.rank-1]), t.Dim(-1)
	if w.rank != 2 || w.dims[1] != depth || bias != nil && bias.Len() != w.dims[0] || len(labels) != rows {
		panic(fmt.Sprintf("tensor: LinearCrossEntropy of %v with %v, %v and %d labels", t, w, bias, len(labels)))
	}
	d, k, classes := t.device, t.kernels(), w.dims[0]
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
	classOf, recording := d.Ints(labels).data, d.recording(t, w, bias)
	var gt, gw, gbias kernel.Buffer // for a loss whose own gradient is 1
	if recording {
		gt, gw, gbias = d.borrowGrad(t), d.borrowGrad(w), d.borrowGrad(bias)
	}
	chunks := (rows*classes + logitsAtOnce - 1) / logitsAtOnce
	most := (rows + chunks - 1) / chunks
	space := most * classes
	if chunks > 1 {
		space = max(space, logitsAtOnce) // the same for every vocabulary
	}
	logits, losses, term := d.take(space), d.take(most), d.take(max(1, classes))
	share := d.take(most)
	k.Fill(share, 1/float64(labelled))
	for first := 0; first < rows; first += most {
		n := min(most, rows-first)
		x, classOf := t.data.Slice(first*depth, n*depth), classOf.Slice(first, n)
		logits, losses := logits.Slice(0, n*classes), losses.Slice(0, n)
		k.Gemm(kernel.Gemm{M: n, N: classes, K: depth, TransB: true, LdA: depth, LdB: depth, LdC: classes}, x, w.data, bias.optional(), logits)
		k.CrossEntropy(n, classes, logits, classOf, losses)
		k.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: n, Inner: 1}, 1/float64(labelled), losses, term.Slice(0, 1))
		k.AddScaled(1, term.Slice(0, 1), loss.data)
		if !recording {
			continue
		}
		k.CrossEntropyGrad(n, classes, logits, classOf, share.Slice(0, n), logits) // in place: each number depends on its own row
		if !gt.IsNil() {
			k.Gemm(kernel.Gemm{M: n, N: depth, K: classes, LdA: classes, LdB: depth, LdC: depth}, logits, w.data, kernel.Buffer{}, gt.Slice(first*depth, n*depth))
		}
		if !gw.IsNil() {
			k.Gemm(kernel.Gemm{M: classes, N: depth, K: n, TransA: true, LdA: classes, LdB: depth, LdC: depth, Accumulate: first > 0}, logits, x, kernel.Buffer{}, gw)
		}
		if !gbias.IsNil() {
			sum := gbias
			if first > 0 {
				sum = term.Slice(0, classes)
			}
			k.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: n, Inner: classes}, 1, logits, sum)
			if first > 0 {
				k.AddScaled(1, sum, gbias)
			}
		}
	}
	for _, b := range []kernel.Buffer{logits, losses, term, share} {
		d.give(b)
	}
	if recording {
		d.record(func() {
			d.returnGrad(t, gt, loss)
			d.returnGrad(w, gw, loss)
			d.returnGrad(bias, gbias, loss)
		}, loss)
	}
	return loss
}

// borrowGrad is gradFor for a gradient that belongs to the step until returnGrad makes it p's: two of a large table are
// worth avoiding.
func (d *Device) borrowGrad(p *Tensor) kernel.Buffer {
	g := d.gradFor(p)
	if !g.IsNil() {
		d.step.owned = append(d.step.owned, g)
	}
	return g
}

// returnGrad adds g, from borrowGrad, times the gradient of loss to p's.
func (d *Device) returnGrad(p *Tensor, g kernel.Buffer, loss *Tensor) {
	if g.IsNil() {
		return
	}
	d.kernels.Binary(kernel.Mul, kernel.Broadcast{Rank: 1, Shape: kernel.Dims{g.Len}, StrideA: kernel.Dims{1}}, g, loss.grad, g)
	d.step.disown(g)
	d.settleGrad(p, g)
}
