// Bijection shows how to write a bijection of one's own, [Leaky], check it with package flowtest (leaky_test.go) and
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

// run fits a flow of one Leaky and returns the slope it finds.
func run(w io.Writer) (slope float64, err error) {
	d, err := tensor.OpenDevice("auto", tensor.DeviceOptions{})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	g := tensor.NewGenerator(1)
	leaky := NewLeaky(d, 1)
	flow := flows.NewFlow(d, 1, 0, leaky)

	adam := train.NewAdam(flow, train.AdamOptions{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8})
	for step := range 301 {
		s := d.Record()
		noise := g.Normal(d, 256, 1)
		data := noise.ReLU().Sub(noise.Neg().ReLU().Scale(1.0 / 3))
		loss := flow.NLL(data, nil)
		loss.Backward()
		if step%100 == 0 {
			fmt.Fprintf(w, "step %3d  negative log-likelihood %.3f nats  slope %.2f\n",
				step, loss.Item(), math.Exp(leaky.LogSlope.Item()))
		}
		s.End()
		adam.Step(2e-2, 1)
		adam.ZeroGrad()
	}
	return math.Exp(leaky.LogSlope.Item()), nil
}
