package tarflow

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// process draws maps [n, 1, 8, 1] of an autoregressive process x_t = φ·x_{t−1} + √(1−φ²)·ε whose φ depends on the class,
// with labels. Its entropy is known: that of the first number plus seven times that of ε.
func process(d *tensor.Device, g *tensor.Generator, n int) (x *tensor.Tensor, labels []int) {
	noise := g.Normal(d, n, 8).Values()
	labels = make([]int, n)
	for i := range n {
		labels[i] = g.Intn(2)
		phi := classes[labels[i]]
		row := noise[8*i : 8*i+8]
		for t := 1; t < 8; t++ {
			row[t] = float32(phi*float64(row[t-1]) + math.Sqrt(1-phi*phi)*float64(row[t]))
		}
	}
	return d.From(noise, n, 1, 8, 1), labels
}

var classes = []float64{0.9, -0.6}

// Training reaches the entropy of a known process, and samples have its statistics.
func TestLearns(t *testing.T) {
	d := golden.CPU(t)
	c := Config{Height: 1, Width: 8, Channels: 1, Patch: 1, Classes: 2, Blocks: []int{1, 1}, Dim: 32, HeadDim: 16, FFMult: 2, Start: true, LogScale: 3}
	f, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	g := tensor.NewGenerator(2)
	adam := golden.NewAdam(d, f, 3e-3, 0.99, 0)
	for range 250 {
		func() {
			step := d.Record()
			defer step.End()
			nn.ZeroGrad(f)
			x, labels := process(d, g, 128)
			f.Loss(x, labels, g).Backward()
			adam.Step()
		}()
	}
	f.SetTraining(false)
	x, labels := process(d, g, 4000)
	loss, entropy := f.Loss(x, labels, g).Item(), 0.5*math.Log(2*math.Pi*math.E)
	for _, phi := range classes {
		entropy += 7. / 8 / 2 * 0.5 * math.Log(1-phi*phi)
	}
	if gap := loss - entropy; !(gap < 0.05 && gap > -0.03) {
		t.Errorf("loss %.4f nats, entropy %.4f", loss, entropy)
	}
	for class, phi := range classes {
		row := make([]float32, 2000*2)
		for i := class; i < len(row); i += 2 {
			row[i] = 1
		}
		made, _ := f.Inverse(g.Normal(d, 2000, 8, 1), d.From(row, 2000, 2), Inversion{})
		v, product, square := made.Values(), 0.0, 0.0
		for i := range v {
			square += float64(v[i]) * float64(v[i])
			if i%8 > 0 {
				product += float64(v[i]) * float64(v[i-1])
			}
		}
		if got := product / (square * 7 / 8); math.Abs(got-phi) > 0.1 {
			t.Errorf("samples of class %d have the correlation %.3f, want %.1f", class, got, phi)
		}
	}
}
