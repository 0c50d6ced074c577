package eval

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// errEigen is the error for matrices whose eigenvalues or singular values can't be computed.
var errEigen = errors.New("the eigenvalues of the covariance of the features can't be computed; the features are too large or not finite")

// FrechetDistance returns the Fréchet distance between normal distributions that are fitted to two sets of features
// (Dowson & Landau, 1982; Heusel et al., 2017):
//
//	d² = |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2·(Σ₁Σ₂)^½)
//
// The covariances are divided by n−1 and not shrunk. The distance of n pictures is biased upwards, the more so the fewer
// they are (Chong & Forsyth, 2020): compare distances of equal numbers only. Each set needs two pictures.
func FrechetDistance(ctx context.Context, real, fake Features) (float64, error) {
	if err := checkPair(real, fake, 2); err != nil {
		return 0, err
	}
	return frechet(ctx, real, fake, nil, nil)
}

// frechet is FrechetDistance of rows by index; nil is all rows.
func frechet(ctx context.Context, real, fake Features, realIndex, fakeIndex []int) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m1, x1 := centred(real, realIndex) // [F], [n₁, F]
	m2, x2 := centred(fake, fakeIndex)
	distance := 0.0
	for i := range m1 {
		distance += (m1[i] - m2[i]) * (m1[i] - m2[i])
	}
	distance += sumSquares(x1) + sumSquares(x2) // tr Σ = |X|² for Σ = XᵀX
	n1, _ := x1.Dims()
	n2, _ := x2.Dims()
	var root float64
	var err error
	if min(n1, n2) < real.Dim {
		root, err = rootOfFew(x1, x2)
	} else {
		root, err = rootOfMany(x1, x2)
	}
	if err != nil {
		return 0, err
	}
	return max(0, distance-2*root), nil
}

// centred returns the mean [F] of rows, and X [n, F] with covariance XᵀX: the rows without their mean, over √(n−1).
func centred(f Features, index []int) (mean []float64, x *mat.Dense) {
	n := len(index)
	if index == nil {
		n = f.Len()
	}
	x = mat.NewDense(n, f.Dim, nil)
	mean = make([]float64, f.Dim)
	for i := range n {
		from := i
		if index != nil {
			from = index[i]
		}
		row := x.RawRowView(i)
		for c, v := range f.Row(from) {
			row[c] = float64(v)
			mean[c] += float64(v)
		}
	}
	scale := 1 / math.Sqrt(float64(n-1))
	for c := range mean {
		mean[c] /= float64(n)
	}
	for i := range n {
		for c, v := range x.RawRowView(i) {
			x.Set(i, c, (v-mean[c])*scale)
		}
	}
	return mean, x
}

func sumSquares(x *mat.Dense) float64 {
	sum := 0.0
	for _, v := range x.RawMatrix().Data {
		sum += v * v
	}
	return sum
}

// rootOfFew returns tr (Σ₁Σ₂)^½ for fewer rows than features: the eigenvalues of Σ₁Σ₂ = X₁ᵀX₁X₂ᵀX₂ are the squared
// singular values of X₁X₂ᵀ.
func rootOfFew(x1, x2 *mat.Dense) (float64, error) {
	var product mat.Dense // [n₁, n₂]
	product.Mul(x1, x2.T())
	var svd mat.SVD
	if !svd.Factorize(&product, mat.SVDNone) {
		return 0, errEigen
	}
	sum := 0.0
	for _, v := range svd.Values(nil) {
		sum += v
	}
	return sum, nil
}

// rootOfMany returns tr (Σ₁Σ₂)^½ as the sum of the roots of the eigenvalues of the symmetric Σ₁^½·Σ₂·Σ₁^½, which are
// those of Σ₁Σ₂.
func rootOfMany(x1, x2 *mat.Dense) (float64, error) {
	var s1, s2 mat.SymDense // [F, F]
	s1.SymOuterK(1, x1.T())
	s2.SymOuterK(1, x2.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(&s1, true) {
		return 0, errEigen
	}
	values := eigen.Values(nil)
	for i, v := range values {
		values[i] = math.Sqrt(max(v, 0))
	}
	var vectors, half, product mat.Dense
	eigen.VectorsTo(&vectors)
	half.Mul(&vectors, mat.NewDiagDense(len(values), values)) // V·Λ^½; (VΛ^½)ᵀ·Σ₂·(VΛ^½) has the same eigenvalues
	product.Mul(&s2, &half)
	product.Mul(half.T(), &product)
	n := len(values)
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			symmetric.SetSym(i, j, (product.At(i, j)+product.At(j, i))/2)
		}
	}
	if !eigen.Factorize(symmetric, false) {
		return 0, errEigen
	}
	sum := 0.0
	for _, v := range eigen.Values(nil) {
		sum += math.Sqrt(max(v, 0))
	}
	return sum, nil
}
