package tables

import (
	"math"
	"testing"
)

// TestEntropy compares the entropy of each toy with the mean of −log p over its samples, and integrates the density on a grid.
func TestEntropy(t *testing.T) {
	for _, toy := range Toys() {
		const n = 5000
		rows, sum, squares := toy.Sample(n, 3), 0.0, 0.0
		for i := range n {
			l := toy.LogDensity(rows[i*toy.Columns:][:toy.Columns])
			sum -= l
			squares += l * l
		}
		mean := sum / n
		if e := math.Sqrt(max(squares/n-mean*mean, 0)/n) + 1e-9; math.Abs(mean-toy.Entropy) > 4*e {
			t.Errorf("%s: −log p is %.5f ± %.5f on average, the entropy %.5f", toy.Name, mean, e, toy.Entropy)
		}
		if toy.Columns != 2 {
			continue
		}
		const side = 110
		h, mass := (toy.High-toy.Low)/side, 0.0
		for i := range side * side {
			x, y := toy.Low+(float64(i%side)+0.5)*h, toy.Low+(float64(i/side)+0.5)*h
			mass += math.Exp(toy.LogDensity([]float64{x, y})) * h * h
		}
		if math.Abs(mass-1) > 1e-3 {
			t.Errorf("%s: the density integrates to %v", toy.Name, mass)
		}
	}
}
