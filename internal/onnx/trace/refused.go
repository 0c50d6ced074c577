package trace

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Kernels without a translation, which belong to training or draw random numbers. Those of gradients are never called, as
// nothing is recorded.

// refuse is fail for a kernel that would read or write what doesn't exist.
func (t *Tracer) refuse(what string, in, out list) {
	if !t.real(in, out) {
		fail("%s is computed, which is not translated", what)
	}
}

// Uniform implements kernel.Random.
func (t *Tracer) Uniform(key, offset uint64, y kernel.Buffer) {
	t.refuse("random numbers", nil, list{y})
	t.Device.Uniform(key, offset, y)
}

// Normal implements kernel.Random.
func (t *Tracer) Normal(key, offset uint64, y kernel.Buffer) {
	t.refuse("random numbers", nil, list{y})
	t.Device.Normal(key, offset, y)
}

// Dropout implements kernel.Random.
func (t *Tracer) Dropout(p float64, key, offset uint64, x, y kernel.Buffer) {
	t.refuse("dropout", list{x}, list{y})
	t.Device.Dropout(p, key, offset, x, y)
}

// CrossEntropy implements kernel.Reductions.
func (t *Tracer) CrossEntropy(rows, classes int, logits, labels, losses kernel.Buffer) {
	t.refuse("a loss", list{logits, labels}, list{losses})
	t.Device.CrossEntropy(rows, classes, logits, labels, losses)
}

// PairLoss implements kernel.Elementwise.
func (t *Tracer) PairLoss(loss kernel.PairLoss, beta, scale float64, a, b, out kernel.Buffer) {
	t.refuse("a loss", list{a, b}, list{out})
	t.Device.PairLoss(loss, beta, scale, a, b, out)
}

// ScatterAdd implements kernel.Movement.
func (t *Tracer) ScatterAdd(s kernel.Span, x, index, y kernel.Buffer) {
	t.refuse("a sum by indices", list{x, index}, list{y})
	t.Device.ScatterAdd(s, x, index, y)
}

// SparseProduct implements kernel.Movement.
func (t *Tracer) SparseProduct(s kernel.Sparse, begins, index, weights, x, y kernel.Buffer) {
	t.refuse("a product with a sparse matrix", list{begins, index, weights, x}, list{y})
	t.Device.SparseProduct(s, begins, index, weights, x, y)
}

// SumTo implements kernel.Reductions.
func (t *Tracer) SumTo(s kernel.Broadcast, x, y kernel.Buffer) {
	t.refuse("a sum of repeated numbers", list{x}, list{y})
	t.Device.SumTo(s, x, y)
}

// Lerp implements kernel.Optimisation.
func (t *Tracer) Lerp(w float64, x, y kernel.Buffer) {
	t.refuse("an average of weights", list{x, y}, list{y})
	t.Device.Lerp(w, x, y)
}
