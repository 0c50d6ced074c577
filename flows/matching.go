package flows

import (
	"math"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Matching is the loss of conditional flow matching (Lipman et al., 2023): with data x₁, latent rows x₀ from N(0, I) and times t
// from [0, 1], the mean square of v(x_t, t; c) − (x₁ − x₀), x_t = (1−t)·x₀ + t·x₁. It is a single number.
//
// Without a condition, x₀ and x₁ are paired so that the sum of their squared distances is least (Tong et al., 2024,
// "Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport"), which makes the paths
// straighter. Given a condition, pairs of a batch would mix conditions, so they stay random.
func (c *Continuous) Matching(x, cond *tensor.Tensor, g *tensor.Generator) *tensor.Tensor {
	d, n := x.Device(), x.Dim(0)
	noise := g.Normal(d, n, c.dim)
	if cond == nil && n > 1 && n <= maxPaired {
		noise = noise.Gather(0, d.Ints(pairs(noise.Values(), x.Values(), n)))
	}
	times := make([]float64, n)
	values := g.Uniform(d, n).Values()
	for i, t := range values {
		times[i] = float64(t)
	}
	t := d.From(values, n, 1)
	target := x.Sub(noise)
	return c.Velocity(noise.Add(target.Mul(t)), times, cond).MSELoss(target)
}

// maxPaired is the largest batch that is paired, since that takes the cube of its size in time.
const maxPaired = 1024

// pairs returns for each row of b [n, D] the row of a [n, D] that it is paired with, so that the sum of squared distances is
// least: the Hungarian method with potentials, in O(n³) (Kuhn, 1955; Jonker & Volgenant, 1987).
func pairs(a, b []float32, n int) []int32 {
	dim := len(a) / n
	cost := func(i, j int) float64 { // of row i of b with row j of a
		sum := 0.0
		for k := range dim {
			e := float64(b[i*dim+k] - a[j*dim+k])
			sum += e * e
		}
		return sum
	}
	costs := make([]float64, n*n)
	for i := range n {
		for j := range n {
			costs[i*n+j] = cost(i, j)
		}
	}
	// Columns are counted from 1; column 0 holds the row that is being assigned.
	ofRow, ofColumn := make([]float64, n+1), make([]float64, n+1) // potentials
	rowAt, before := make([]int, n+1), make([]int, n+1)
	for row := 1; row <= n; row++ {
		rowAt[0] = row
		least, visited := make([]float64, n+1), make([]bool, n+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		column := 0
		for {
			visited[column] = true
			i, step, next := rowAt[column], math.Inf(1), 0
			for j := 1; j <= n; j++ {
				if visited[j] {
					continue
				}
				if reduced := costs[(i-1)*n+j-1] - ofRow[i] - ofColumn[j]; reduced < least[j] {
					least[j], before[j] = reduced, column
				}
				if least[j] < step {
					step, next = least[j], j
				}
			}
			for j := range least {
				if visited[j] {
					ofRow[rowAt[j]] += step
					ofColumn[j] -= step
				} else {
					least[j] -= step
				}
			}
			if column = next; rowAt[column] == 0 {
				break
			}
		}
		for column != 0 { // along the path that was found, back to column 0
			rowAt[column] = rowAt[before[column]]
			column = before[column]
		}
	}
	pair := make([]int32, n)
	for j := 1; j <= n; j++ {
		pair[rowAt[j]-1] = int32(j - 1)
	}
	return pair
}

// Loss is what a training of the flow minimizes: the negative log-likelihood, or, with a [Continuous] layer, the loss of flow
// matching behind the layers before it, which must have no parameters. It is a single number; g draws what the loss needs.
func (f *Flow) Loss(x, cond *tensor.Tensor, g *tensor.Generator) *tensor.Tensor {
	for i, b := range f.layers {
		if c, ok := b.(*Continuous); ok {
			if i > 0 {
				x, _ = NewSequential(f.layers[:i]...).Forward(x, cond)
			}
			return c.Matching(x, cond, g)
		}
	}
	return f.NLL(x, cond)
}
