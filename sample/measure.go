package sample

import (
	"math"
	"slices"
)

// PSNR is the peak signal-to-noise ratio in dB of a mean squared error between values in [−1, 1].
func PSNR(mse float64) float64 { return 10 * math.Log10(4/mse) }

// squaredError is the mean squared difference of a and b.
func squaredError(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return sum / float64(len(a))
}

// nearest returns, for each row of queries [n, dim], the Euclidean distance to the nearest row of base. A row is not
// its own neighbour when queries and base are the same slice.
func nearest(queries, base []float32, dim int) []float64 {
	same := len(queries) > 0 && len(base) > 0 && &queries[0] == &base[0]
	distances := make([]float64, len(queries)/dim)
	for i := range distances {
		best := math.Inf(1)
		query := queries[i*dim : (i+1)*dim]
		for j := range len(base) / dim {
			if same && i == j {
				continue
			}
			best = min(best, squaredError(query, base[j*dim:(j+1)*dim]))
		}
		distances[i] = math.Sqrt(best * float64(dim))
	}
	return distances
}

// median of v, which is reordered; NaN if it is empty.
func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// slerp is the point a fraction t of the way from a to b along a great arc, for which lengths are interpolated as well.
// Between Gaussian latents it stays where the density has its mass, unlike a straight line (White, 2016).
func slerp(a, b []float32, t float64) []float32 {
	dot, lengthA, lengthB := 0.0, 0.0, 0.0
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		lengthA += float64(a[i]) * float64(a[i])
		lengthB += float64(b[i]) * float64(b[i])
	}
	weightA, weightB := 1-t, t
	if lengthA > 0 && lengthB > 0 {
		angle := math.Acos(max(-1, min(1, dot/math.Sqrt(lengthA*lengthB))))
		if sin := math.Sin(angle); sin > 1e-6 {
			weightA, weightB = math.Sin((1-t)*angle)/sin, math.Sin(t*angle)/sin
		}
	}
	point := make([]float32, len(a))
	for i := range a {
		point[i] = float32(weightA*float64(a[i]) + weightB*float64(b[i]))
	}
	return point
}
