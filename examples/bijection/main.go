// Command bijection shows how to write a bijection of one's own, [Leaky], check it with package flowtest (leaky_test.go) and
// use it in a flow. The flow is fitted to numbers that spread three times less below zero than above:
//
//	go run ./examples/bijection
//	go test ./examples/bijection
package main

import (
	"fmt"
	"io"
	"math"
	"os"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

func main() {
	if _, err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bijection:", err)
		os.Exit(1)
	}
}

// run fits a flow of one Leaky and returns the slope that it learns.
func run(w io.Writer) (slope float64, err error) {
	d, err := tensor.OpenDevice("auto", tensor.DeviceOptions{})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	g := tensor.NewGenerator(1)
	leaky := NewLeaky(d, 1)
	flow := flows.NewFlow(d, 1, 0, leaky)

	adam := train.NewAdam(flow, train.DefaultAdam())
	step := func(n int) {
		s := d.Record()
		defer s.End()
		noise := g.Normal(d, 256, 1)                                // [256, 1]
		data := noise.ReLU().Sub(noise.Neg().ReLU().Scale(1.0 / 3)) // [256, 1]
		loss := flow.NLL(data, nil)
		loss.Backward()
		if n%100 == 0 {
			fmt.Fprintf(w, "step %3d  negative log-likelihood %.3f nats  slope %.2f\n",
				n, loss.Item(), math.Exp(leaky.LogSlope.Item()))
		}
		adam.Step(2e-2, 1)
		adam.ZeroGrad()
	}
	for n := range 301 {
		step(n)
	}
	return math.Exp(leaky.LogSlope.Item()), nil
}
