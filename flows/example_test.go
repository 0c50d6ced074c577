package flows_test

import (
	"fmt"
	"log"
	"math"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/tensor"
)

// A flow is a distribution: it has a density and can be sampled. Printing it gives a summary.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	c := flows.DefaultConfig(2, 0)
	c.Layers, c.Hidden = 2, []int{8}
	flow, err := flows.NewRealNVP(d, c, tensor.NewGenerator(1))
	if err != nil {
		log.Fatal(err)
	}
	flow.SetTraining(false)
	fmt.Println(flow)

	x, logProb, err := flow.Sample(3, nil, 1, tensor.NewGenerator(2))
	if err != nil {
		log.Fatal(err)
	}
	again := flow.LogProb(x, nil).Values()
	for i, p := range logProb.Values() {
		fmt.Println("the sample's density is that of the model:", math.Abs(float64(p-again[i])) < 1e-4)
	}
	// Output:
	// RealNVP of rows [N, 2]: 7 layers, 220 parameters
	//   standardize  Standardize(2)                                          0
	//   flows.0      AffineCoupling(1 of 2 columns, s and t: 1 → 8 → 8 → 2)  106
	//   flows.1      Permutation(2)                                          0
	//   flows.2      BatchNorm(2, eps 1e-05, momentum 0.1)                   4
	//   flows.3      AffineCoupling(1 of 2 columns, s and t: 1 → 8 → 8 → 2)  106
	//   flows.4      Permutation(2)                                          0
	//   flows.5      BatchNorm(2, eps 1e-05, momentum 0.1)                   4
	// the sample's density is that of the model: true
	// the sample's density is that of the model: true
	// the sample's density is that of the model: true
}

// The identity has the density of the standard normal distribution, and so has any permutation.
func ExampleFlow_LogProb() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	flow := flows.NewFlow(d, 2, 0, flows.NewReversal(d, 2))
	x := d.From([]float32{0, 0, 1, 2}, 2, 2)
	for _, p := range flow.LogProb(x, nil).Values() {
		fmt.Printf("%.4f nats\n", p)
	}
	// Output:
	// -1.8379 nats
	// -4.3379 nats
}

// The inverse of a bijection undoes it, and the log-determinants cancel.
func ExampleBijection() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	coupling := flows.NewAffineCoupling(d, 4, flows.Half.Passive(4, false), flows.CouplingConfig{Hidden: []int{8}}, tensor.NewGenerator(1))
	x := d.From([]float32{1, 2, 3, 4}, 1, 4)
	z, forward := coupling.Forward(x, nil)
	back, inverse := coupling.Inverse(z, nil)
	fmt.Printf("passive columns of z: %v\n", z.Values()[:2])
	fmt.Printf("x again: %.3f\n", back.Values())
	fmt.Printf("sum of log-determinants: %.3f\n", math.Abs(float64(forward.Values()[0]+inverse.Values()[0])))
	// Output:
	// passive columns of z: [1 2]
	// x again: [1.000 2.000 3.000 4.000]
	// sum of log-determinants: 0.000
}
