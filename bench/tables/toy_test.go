package tables

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// TestEntropy compares the entropy of each toy with the mean of −log p over its samples, and integrates the density on a grid.
func TestEntropy(t *testing.T) {
	for _, toy := range Toys() {
		const n = 2000
		rows, sum, squares := toy.Sample(n, 3), 0.0, 0.0
		for i := range n {
			l := toy.LogDensity(rows[i*toy.Columns:][:toy.Columns])
			sum -= l
			squares += l * l
		}
		mean := sum / n
		if e := math.Sqrt(max(squares/n-mean*mean, 0)/n) + 1e-9; math.Abs(mean-toy.Entropy()) > 4*e {
			t.Errorf("%s: −log p is %.5f ± %.5f on average, the entropy %.5f", toy.Name, mean, e, toy.Entropy())
		}
		if toy.Columns != 2 {
			continue
		}
		const side = 72 // less than a standard deviation apart, and the squares of the checkerboard end between points
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

// TestIntegral checks that the density of each architecture integrates to 1 ± 0.01 on a grid.
func TestIntegral(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	toy := gaussians()
	names, kinds := continuous(toy.Columns)
	training, err := table.FromRows(toy.Name, names, toy.Sample(2000, 1), kinds)
	if err != nil {
		t.Fatal(err)
	}
	e, err := table.NewEncoding(training, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, architecture := range tasks.Architectures {
		p, err := toyRecipe(toy, architecture, 25).fit(t.Context(), d, e, training, nil)
		if err != nil {
			t.Fatal(err)
		}
		mass, err := integral(t.Context(), p, toy, gridOf(architecture, 120)) // so few steps learn nothing finer
		if err != nil || !(math.Abs(mass-1) <= 0.01) {
			t.Errorf("%s: the density integrates to %v, %v", architecture, mass, err)
		}
		t.Logf("%s: the density integrates to %.4f", architecture, mass)
	}
}
