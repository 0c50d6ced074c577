package tensor_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/tensor"
)

// The gradient of a loss: L = mean((x·w − y)²) with respect to w.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	w := d.From([]float32{1, 1}, 2, 1).SetRequiresGrad(true) // [2, 1]
	x := d.From([]float32{1, 2, 3, 4}, 2, 2)                 // [N, 2]
	y := d.From([]float32{2, 9}, 2, 1)                       // [N, 1]

	step := d.Record()
	defer step.End()
	loss := x.MatMul(w).MSELoss(y) // [1]
	loss.Backward()
	fmt.Println("loss", loss.Item())
	fmt.Println("gradient", w.Grad().Values())
	// Output:
	// loss 2.5
	// gradient [-5 -6]
}

// Elementwise operations broadcast: dimensions of size 1, and missing leading ones, are repeated.
func ExampleTensor_Add() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	rows := d.From([]float32{1, 2, 3, 4}, 2, 2)
	fmt.Println(rows.Add(d.From([]float32{10, 20})).Values())
	fmt.Println(rows.Softmax(-1).Sum(1).Values())
	// Output:
	// [11 22 13 24]
	// [1 1]
}

// A step that was not recorded computes the same, and releases its tensors.
func ExampleDevice_Scratch() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	norm := func(x []float32) float64 {
		step := d.Scratch()
		defer step.End()
		return d.From(x).Square().Sum().Sqrt().Item()
	}
	fmt.Println(norm([]float32{3, 4}))
	// Output: 5
}

// Streams of generators are independent of each other, and the same on every device.
func ExampleGenerator_Fork() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	g := tensor.NewGenerator(1)
	noise := g.Fork("noise")
	g.Normal(d, 1000) // doesn't move noise
	again := tensor.NewGenerator(1).Fork("noise")
	fmt.Println(noise.Intn(1000) == again.Intn(1000))
	// Output: true
}
