package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// attention holds the operands of kernel.Sequences' Attention and its gradient.
type attention[F Float] struct {
	kernel.Attention
	q, k, v, y     []F
	logSum         []F
	keep           []int32
	rows           []int32 // of the mask
	gy, gq, gk, gv []F
}

// sees reports whether query i of sequence b sees key j.
func (a *attention[F]) sees(b, i, j int) bool {
	if a.keep != nil && a.keep[b*a.Keys+j] == 0 {
		return false
	}
	if a.Mask == nil {
		return true
	}
	word := a.rows[(a.First+i)*a.Mask.Words()+j/32]
	return word>>(j%32)&1 != 0
}

func (a *attention[F]) query(b, h, i int) []F { return a.q[b*a.BatchQ+i*a.RowQ+h*a.Dim:][:a.Dim] }
func (a *attention[F]) key(b, h, j int) []F   { return a.k[b*a.BatchK+j*a.RowK+h*a.Dim:][:a.Dim] }
func (a *attention[F]) value(b, h, j int) []F { return a.v[b*a.BatchV+j*a.RowV+h*a.Dim:][:a.Dim] }

// weights sets p to the softmax of query i's scores, and returns the logarithm of its denominator.
func (a *attention[F]) weights(b, h, i int, p []F) (logSum float64) {
	q, largest := a.query(b, h, i), math.Inf(-1)
	for j := range p {
		p[j] = F(math.Inf(-1))
		if a.sees(b, i, j) {
			p[j] = F(a.Scale * innerProduct(q, a.key(b, h, j)))
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
func (a *attention[F]) forward(b, h, i int, p []F) {
	logSum := a.weights(b, h, i, p)
	if a.logSum != nil {
		a.logSum[(b*a.Heads+h)*a.Queries+i] = F(logSum)
	}
	y := a.y[b*a.BatchY+i*a.RowY+h*a.Dim:][:a.Dim]
	for d := range y {
		sum := 0.0
		for j, w := range p {
			if w != 0 {
				sum += float64(w) * float64(a.value(b, h, j)[d])
			}
		}
		y[d] = F(sum)
	}
}

// backward computes the gradients of a head; p has room for a number a key.
//
// With p the weights and δ = gy·y, the gradient of the scores is p·(gy·v − δ).
func (a *attention[F]) backward(b, h int, p []F) {
	for j := range a.Keys {
		clear(a.gk[b*a.BatchK+j*a.RowK+h*a.Dim:][:a.Dim])
		clear(a.gv[b*a.BatchV+j*a.RowV+h*a.Dim:][:a.Dim])
	}
	for i := range a.Queries {
		a.weights(b, h, i, p)
		at := b*a.BatchY + i*a.RowY + h*a.Dim
		gy := a.gy[at:][:a.Dim]
		delta := innerProduct(gy, a.y[at:][:a.Dim])
		gq := a.gq[b*a.BatchQ+i*a.RowQ+h*a.Dim:][:a.Dim]
		clear(gq)
		for j, w := range p {
			if w == 0 {
				continue
			}
			score := F(a.Scale * float64(w) * (innerProduct(gy, a.value(b, h, j)) - delta))
			key, gk := a.key(b, h, j), a.gk[b*a.BatchK+j*a.RowK+h*a.Dim:][:a.Dim]
			gv := a.gv[b*a.BatchV+j*a.RowV+h*a.Dim:][:a.Dim]
			for d, q := range a.query(b, h, i) {
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

// rotate turns the pairs of one token's group; y may be x.
func rotate[F Float](r kernel.Rotary, cos, sin, x, y []F) {
	for j := range r.Pairs {
		c, s := cos[j], sin[j]
		if r.Inverse {
			s = -s
		}
		x0, x1 := x[2*j], x[2*j+1]
		y[2*j], y[2*j+1] = x0*c-x1*s, x1*c+x0*s
	}
	copy(y[2*r.Pairs:], x[2*r.Pairs:])
}

// gatedGELURow sets y = a·b·Φ(b) for the row x = [a, b].
func gatedGELURow[F Float](x, y []F) {
	for i, a := range x[:len(y)] {
		b := float64(x[len(y)+i])
		cumulative, _ := gaussian(b)
		y[i] = F(float64(a) * b * cumulative)
	}
}

// gatedGELUGradRow is its adjoint.
func gatedGELUGradRow[F Float](x, gy, gx []F) {
	for i, g := range gy {
		a, b := float64(x[i]), float64(x[len(gy)+i])
		cumulative, density := gaussian(b)
		gx[i] = F(float64(g) * b * cumulative)
		gx[len(gy)+i] = F(float64(g) * a * (cumulative + b*density))
	}
}
