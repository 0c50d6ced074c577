package eval

import (
	"context"
	"math"
	"slices"
)

// Manifold measures how samples lie between real pictures, by balls around pictures that reach to their k-th nearest
// neighbour of the same set.
type Manifold struct {
	// Precision is the share of samples in a ball of a real picture, Recall the share of real pictures in a ball of a
	// sample (Kynkäänniemi et al., 2019), with k = NearestPrecision.
	Precision, Recall float64
	// Density is the mean number of balls of real pictures around a sample, over k: 1 for samples like the real pictures,
	// and more for typical ones. Coverage is the share of balls of real pictures that hold a sample (Naeem et al., 2020).
	// k = NearestDensity.
	Density, Coverage float64
}

// Numbers of neighbours, from the papers.
const (
	NearestPrecision = 3
	NearestDensity   = 5
)

// MeasureManifold computes precision and recall, density and coverage. Each set needs NearestDensity+1 pictures.
func MeasureManifold(ctx context.Context, real, fake Features) (Manifold, error) {
	p, err := newManifold(ctx, real, fake)
	if err != nil {
		return Manifold{}, err
	}
	return Manifold{average(p.precision, nil), average(p.recall, nil), average(p.density, nil), average(p.coverage, nil)}, nil
}

// manifold has what single pictures contribute to the averages of a Manifold.
type manifold struct {
	precision, density []float64 // of samples
	recall, coverage   []float64 // of real pictures
}

func newManifold(ctx context.Context, real, fake Features) (*manifold, error) {
	if err := checkPair(real, fake, NearestDensity+1); err != nil {
		return nil, err
	}
	realBalls, err := radii(ctx, real)
	if err != nil {
		return nil, err
	}
	fakeBalls, err := radii(ctx, fake)
	if err != nil {
		return nil, err
	}
	n, m := real.Len(), fake.Len()
	p := &manifold{make([]float64, m), make([]float64, m), make([]float64, n), make([]float64, n)}
	distances := make([]float64, n*m) // [fake, real]
	err = eachRow(ctx, m, func(j int) {
		for i := range n {
			d := squaredDistance(real.Row(i), fake.Row(j))
			distances[j*n+i] = d
			if d < realBalls[0][i] {
				p.precision[j] = 1
			}
			if d < realBalls[1][i] {
				p.density[j] += 1.0 / NearestDensity
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for j := range m {
		for i := range n {
			d := distances[j*n+i]
			if d < fakeBalls[0][j] {
				p.recall[i] = 1
			}
			if d < realBalls[1][i] {
				p.coverage[i] = 1
			}
		}
	}
	return p, nil
}

// radii returns the squared distances of each row to its NearestPrecision-th and its NearestDensity-th nearest other row.
func radii(ctx context.Context, f Features) (balls [2][]float64, err error) {
	n := f.Len()
	balls[0], balls[1] = make([]float64, n), make([]float64, n)
	err = eachRow(ctx, n, func(i int) {
		var nearest [NearestDensity]float64 // ascending
		for k := range nearest {
			nearest[k] = math.Inf(1)
		}
		row := f.Row(i)
		for j := range n {
			if j == i {
				continue
			}
			if d := squaredDistance(row, f.Row(j)); d < nearest[NearestDensity-1] {
				nearest[NearestDensity-1] = d
				slices.Sort(nearest[:])
			}
		}
		balls[0][i], balls[1][i] = nearest[NearestPrecision-1], nearest[NearestDensity-1]
	})
	return balls, err
}

// average returns the mean of values by index; nil is all.
func average(values []float64, index []int) float64 {
	sum := 0.0
	if index == nil {
		for _, v := range values {
			sum += v
		}
		return sum / float64(len(values))
	}
	for _, i := range index {
		sum += values[i]
	}
	return sum / float64(len(index))
}
