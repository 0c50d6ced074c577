package eval

import (
	"context"
	"math"

	"gonum.org/v1/gonum/mat"
)

// maxResampledDim is the largest number of features for which Fréchet distances of resampled sets are computed one by one.
const maxResampledDim = 256

// linearFrechet returns the Fréchet distance and its derivative by the weight of each real and of each fake picture: the
// distance of a resampled set, in which picture i occurs wᵢ times, is about d² + Σ (wᵢ − 1)·∂d²/∂wᵢ. With rows
// x̃ = (x − μ)/√(n−1), the derivative is
//
//	2/n·(μ₂ − μ₁)·(x − μ₂) + |x̃|² − x̃ᵀ·T·x̃   with T = Σ₁^½ (Σ₁^½ Σ₂ Σ₁^½)^−½ Σ₁^½
//
// for a fake picture, where T is the optimal transport from the fake to the real distribution, and likewise for a real one.
func linearFrechet(ctx context.Context, real, fake Features) (value float64, byReal, byFake []float64, err error) {
	m1, x1 := centred(real, nil)
	m2, x2 := centred(fake, nil)
	var root float64
	var moved1, moved2 []float64 // x̃ᵀ·T·x̃ of each row
	if min(real.Len(), fake.Len()) < real.Dim {
		root, moved1, moved2, err = transportOfFew(x1, x2)
	} else {
		root, moved1, moved2, err = transportOfMany(x1, x2)
	}
	if err != nil {
		return 0, nil, nil, err
	}
	value = sumSquares(x1) + sumSquares(x2) - 2*root
	for i := range m1 {
		value += (m1[i] - m2[i]) * (m1[i] - m2[i])
	}
	derivative := func(x *mat.Dense, moved, own, other []float64) []float64 {
		n, _ := x.Dims()
		all := make([]float64, n)
		for i := range all {
			shift, square := 0.0, 0.0
			for c, v := range x.RawRowView(i) {
				shift += (own[c] - other[c]) * v
				square += v * v
			}
			all[i] = 2/float64(n)*math.Sqrt(float64(n-1))*shift + square - moved[i]
		}
		return all
	}
	return max(0, value), derivative(x1, moved1, m1, m2), derivative(x2, moved2, m2, m1), ctx.Err()
}

// transportOfFew works with the singular values of X₁X₂ᵀ = U·S·Vᵀ: x̃ᵀTx̃ of row i of X₂ is element i of the diagonal of
// V·S·Vᵀ, and of X₁ of U·S·Uᵀ.
func transportOfFew(x1, x2 *mat.Dense) (root float64, moved1, moved2 []float64, err error) {
	var product, u, v mat.Dense
	product.Mul(x1, x2.T())
	var svd mat.SVD
	if !svd.Factorize(&product, mat.SVDThin) {
		return 0, nil, nil, errEigen
	}
	values := svd.Values(nil)
	svd.UTo(&u)
	svd.VTo(&v)
	for _, s := range values {
		root += s
	}
	return root, weightedRows(&u, values), weightedRows(&v, values), nil
}

// transportOfMany works with the eigenvalues of HᵀΣ₂H = Q·D·Qᵀ, where Σ₁ = HHᵀ.
func transportOfMany(x1, x2 *mat.Dense) (root float64, moved1, moved2 []float64, err error) {
	var s1, s2 mat.SymDense
	s1.SymOuterK(1, x1.T())
	s2.SymOuterK(1, x2.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(&s1, true) {
		return 0, nil, nil, errEigen
	}
	n := s1.SymmetricDim()
	half, inverse := make([]float64, n), make([]float64, n) // of the eigenvalues
	values := eigen.Values(nil)
	for i, v := range values {
		if v > 1e-12*values[n-1] {
			half[i], inverse[i] = math.Sqrt(v), 1/math.Sqrt(v)
		}
	}
	var vectors, h, product, q, back mat.Dense
	eigen.VectorsTo(&vectors)
	h.Mul(&vectors, mat.NewDiagDense(n, half))
	product.Mul(&s2, &h)
	product.Mul(h.T(), &product)
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			symmetric.SetSym(i, j, (product.At(i, j)+product.At(j, i))/2)
		}
	}
	if !eigen.Factorize(symmetric, true) {
		return 0, nil, nil, errEigen
	}
	d := eigen.Values(nil)
	eigen.VectorsTo(&q)
	up, down := make([]float64, n), make([]float64, n) // D^½ and D^−½
	for i, v := range d {
		if v > 1e-12*d[n-1] {
			up[i], down[i] = math.Sqrt(v), 1/math.Sqrt(v)
		}
		root += up[i]
	}
	var a, b mat.Dense
	h.Mul(&h, &q) // [F, F]
	a.Mul(x2, &h) // x̃ᵀTx̃ = x̃ᵀ·HQ·D^−½·(HQ)ᵀ·x̃
	back.Mul(&vectors, mat.NewDiagDense(n, inverse))
	back.Mul(&back, &q)
	b.Mul(x1, &back) // the other way: H⁻ᵀQ·D^½·QᵀH⁻¹
	return root, weightedRows(&b, up), weightedRows(&a, down), nil
}

// weightedRows returns Σ wⱼ·xᵢⱼ² of each row.
func weightedRows(x *mat.Dense, weights []float64) []float64 {
	n, _ := x.Dims()
	all := make([]float64, n)
	for i := range all {
		for j, v := range x.RawRowView(i) {
			all[i] += weights[j] * v * v
		}
	}
	return all
}

// resampledLinear returns the distance of set number round by the derivatives of d².
func resampledLinear(value float64, byReal, byFake []float64, realIndex, fakeIndex []int) float64 {
	for _, set := range []struct {
		by    []float64
		index []int
	}{{byReal, realIndex}, {byFake, fakeIndex}} {
		for _, g := range set.by {
			value -= g
		}
		for _, i := range set.index {
			value += set.by[i]
		}
	}
	return value
}
