// Command loop shows a training loop by hand: a small network learns to tell the points of two spirals apart.
//
//	go run ./examples/loop
//
// Package train offers each part by itself: batches, schedules, gradient clipping, AdamW. See examples/train for the same
// with checkpoints, metrics and resumption, by [train.Run].
package main

import (
	"fmt"
	"io"
	"log"
	"math"
	"os"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

func main() {
	log.SetFlags(0)
	accuracy, err := learn(2000, os.Stdout)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.1f %% of new points are classified correctly\n", 100*accuracy)
}

// learn trains a network for that many steps, reports to w, and returns the accuracy on new points.
func learn(steps int, w io.Writer) (accuracy float64, err error) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	g := tensor.NewGenerator(1)
	net := nn.NewSequential(nn.NewLinear(d, 2, 64, true, g), nn.ReLU, nn.NewLinear(d, 64, 64, true, g), nn.ReLU, nn.NewLinear(d, 64, 2, true, g))

	x, labels := spirals(1000, g)
	source, err := train.NewRows(x, 2, labels, 100, false, 1)
	if err != nil {
		return 0, err
	}
	adam := train.NewAdam(net, train.DefaultAdamW(0.01))
	rate := train.Warmup(steps/20, train.Cosine(steps-steps/20, 0))

	step := func(n int) (float64, error) {
		batch, err := source.Next()
		if err != nil {
			return 0, err
		}
		s := d.Record()
		defer s.End()
		scores := net.Forward(batch.Tensor(d))                            // [N, 2]
		loss := scores.CrossEntropy(d.Ints(classes(batch.Labels))).Mean() // one number
		loss.Backward()
		adam.Step(5e-3*rate(n), train.ClipScale(adam.GradNorm(), 1))
		adam.ZeroGrad()
		return loss.Item(), nil
	}
	for n := 1; n <= steps; n++ {
		loss, err := step(n)
		if err != nil {
			return 0, err
		}
		if n%200 == 0 || n == steps {
			fmt.Fprintf(w, "step %4d  loss %.4f\n", n, loss)
		}
	}

	net.SetTraining(false)
	x, labels = spirals(500, g)
	s := d.Scratch()
	defer s.End()
	right := 0
	for i, class := range net.Forward(d.From(x, len(labels), 2)).ArgMax().IntValues() {
		if int(class) == labels[i] {
			right++
		}
	}
	return float64(right) / float64(len(labels)), nil
}

// spirals returns n points [n, 2] on two spirals, with some noise, and the spiral of each.
func spirals(n int, g *tensor.Generator) (x []float32, labels []int) {
	for i := range n {
		class := i % 2
		t := float64(g.Intn(1<<20)) / (1 << 20) // along the spiral
		angle := 3*math.Pi*t + math.Pi*float64(class)
		noise := func() float64 { return 0.02 * (float64(g.Intn(1<<20))/(1<<19) - 1) }
		x = append(x, float32(t*math.Cos(angle)+noise()), float32(t*math.Sin(angle)+noise()))
		labels = append(labels, class)
	}
	return x, labels
}

// classes turns labels into indices for a tensor.
func classes(labels []int) []int32 {
	all := make([]int32, len(labels))
	for i, l := range labels {
		all[i] = int32(l)
	}
	return all
}
