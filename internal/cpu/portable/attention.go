package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Attention holds the operands of kernel.Sequences' Attention and, behind them, of its gradient.
type Attention[F Float] struct {
	kernel.Attention
	Q, K, V, Y     []F
	LogSum         []F     // nil where it is not wanted
	Keep           []int32 // [Batch, Keys] or nil
	MaskRows       []int32 // [Queries, Words] bits of the mask
	GY, GQ, GK, GV []F
}

// NewAttention views the buffers of an attention; those of the gradient are for the caller to set.
func NewAttention[F Float](a kernel.Attention, q, k, v, keep, y, logSum kernel.Buffer) Attention[F] {
	o := Attention[F]{
		Attention: a, Q: Floats[F](q), K: Floats[F](k), V: Floats[F](v), Y: Floats[F](y),
		LogSum: Floats[F](logSum), Keep: Ints(keep),
	}
	if a.Mask != nil {
		o.MaskRows = Ints(a.Mask.Rows)
	}
	return o
}

// sees reports whether query i of sequence b sees key j.
func (a *Attention[F]) sees(b, i, j int) bool {
	if a.Keep != nil && a.Keep[b*a.Keys+j] == 0 {
		return false
	}
	if a.Mask == nil {
		return true
	}
	word := a.MaskRows[(a.First+i)*a.Mask.Words()+j/32]
	return word>>(j%32)&1 != 0
}

// Query is query i of head h of sequence b.
func (a *Attention[F]) Query(b, h, i int) []F { return a.Q[b*a.BatchQ+i*a.RowQ+h*a.Dim:][:a.Dim] }

// Key is key j of head h of sequence b.
func (a *Attention[F]) Key(b, h, j int) []F { return a.K[b*a.BatchK+j*a.RowK+h*a.Dim:][:a.Dim] }

// Value is value j of head h of sequence b.
func (a *Attention[F]) Value(b, h, j int) []F { return a.V[b*a.BatchV+j*a.RowV+h*a.Dim:][:a.Dim] }

// Attention implements kernel.Sequences.
func (d *Device[F]) Attention(a kernel.Attention, q, k, v, keep, y, logSum kernel.Buffer) {
	o := NewAttention[F](a, q, k, v, keep, y, logSum)
	d.pool.For(a.Batch*a.Heads*a.Queries, 4, func(lo, hi int) {
		p := make([]F, a.Keys)
		for t := lo; t < hi; t++ {
			o.forward(t/(a.Heads*a.Queries), t/a.Queries%a.Heads, t%a.Queries, p)
		}
	})
}

// weights sets p to the softmax of query i's scores, and returns the logarithm of its denominator.
func (a *Attention[F]) weights(b, h, i int, p []F) (logSum float64) {
	q, largest := a.Query(b, h, i), math.Inf(-1)
	for j := range p {
		p[j] = F(math.Inf(-1))
		if a.sees(b, i, j) {
			p[j] = F(a.Scale * innerProduct(q, a.Key(b, h, j)))
			largest = math.Max(largest, float64(p[j]))
		}
	}
	if math.IsInf(largest, -1) {
		clear(p)
		return largest
	}
	total := 0.0
	for j := range p {
		p[j] = F(math.Exp(float64(p[j]) - largest))
		total += float64(p[j])
	}
	for j := range p {
		p[j] = F(float64(p[j]) / total)
	}
	return largest + math.Log(total)
}

// forward computes query i of a head; p has room for a number a key.
func (a *Attention[F]) forward(b, h, i int, p []F) {
	logSum := a.weights(b, h, i, p)
	if a.LogSum != nil {
		a.LogSum[(b*a.Heads+h)*a.Queries+i] = F(logSum)
	}
	y := a.Y[b*a.BatchY+i*a.RowY+h*a.Dim:][:a.Dim]
	for d := range y {
		sum := 0.0
		for j, w := range p {
			if w != 0 {
				sum += float64(w) * float64(a.Value(b, h, j)[d])
			}
		}
		y[d] = F(sum)
	}
}

// AttentionGrad implements kernel.Sequences.
func (d *Device[F]) AttentionGrad(a kernel.Attention, q, k, v, keep, y, logSum, gy, gq, gk, gv kernel.Buffer) {
	o := NewAttention[F](a, q, k, v, keep, y, logSum)
	o.GY, o.GQ, o.GK, o.GV = Floats[F](gy), Floats[F](gq), Floats[F](gk), Floats[F](gv)
	d.pool.For(a.Batch*a.Heads, 1, func(lo, _ int) {
		o.backward(lo/a.Heads, lo%a.Heads, make([]F, a.Keys))
	})
}

// backward computes the gradients of a head; p has room for a number a key.
//
// With p the weights and δ = gy·y, the gradient of the scores is p·(gy·v − δ).
func (a *Attention[F]) backward(b, h int, p []F) {
	for j := range a.Keys {
		clear(a.GK[b*a.BatchK+j*a.RowK+h*a.Dim:][:a.Dim])
		clear(a.GV[b*a.BatchV+j*a.RowV+h*a.Dim:][:a.Dim])
	}
	for i := range a.Queries {
		a.weights(b, h, i, p)
		at := b*a.BatchY + i*a.RowY + h*a.Dim
		gy := a.GY[at:][:a.Dim]
		delta := innerProduct(gy, a.Y[at:][:a.Dim])
		gq := a.GQ[b*a.BatchQ+i*a.RowQ+h*a.Dim:][:a.Dim]
		clear(gq)
		for j, w := range p {
			if w == 0 {
				continue
			}
			score := F(a.Scale * float64(w) * (innerProduct(gy, a.Value(b, h, j)) - delta))
			key, gk := a.Key(b, h, j), a.GK[b*a.BatchK+j*a.RowK+h*a.Dim:][:a.Dim]
			gv := a.GV[b*a.BatchV+j*a.RowV+h*a.Dim:][:a.Dim]
			for d, q := range a.Query(b, h, i) {
				gq[d] += score * key[d]
				gk[d] += score * q
				gv[d] += w * gy[d]
			}
		}
	}
}

func innerProduct[F Float](a, b []F) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}
