// Command moons builds a normalizing flow out of layers, fits it to points on two interleaved half circles, and draws the
// points beside samples of the flow:
//
//	go run ./examples/moons -out moons.png
package main

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

func main() {
	steps := flag.Int("steps", 2000, "training steps")
	out := flag.String("out", "moons.png", "picture to write")
	flag.Parse()
	if _, err := run(*steps, *out, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "moons:", err)
		os.Exit(1)
	}
}

// run fits the flow, reports to w, draws the picture, and returns the last loss.
func run(steps int, out string, w io.Writer) (loss float64, err error) {
	d, err := tensor.OpenDevice("auto", tensor.DeviceOptions{})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	g := tensor.NewGenerator(1)

	// Eight couplings. Each changes one coordinate as a function of the other.
	flow := flows.NewFlow(d, 2, 0)
	for i := range 8 {
		passive := []int{i % 2}
		coupling := flows.NewAffineCoupling(d, 2, passive, flows.CouplingConfig{Hidden: []int{64, 64}, Bounded: true}, g)
		flow.Add(fmt.Sprintf("norm%d", i), flows.NewActNorm(d, 2))
		flow.Add(fmt.Sprintf("coupling%d", i), coupling)
	}

	adam := train.NewAdam(flow, train.DefaultAdam())
	step := func(n int) {
		points := d.From(moons(256, g), 256, 2) // [256, 2]
		s := d.Record()
		defer s.End()
		nll := flow.NLL(points, nil)
		nll.Backward()
		loss = nll.Item()
		adam.Step(2e-3*(1-float64(n)/float64(steps)), 1) // the learning rate falls to zero
		adam.ZeroGrad()
	}
	for n := range steps {
		step(n)
		if n%200 == 0 || n == steps-1 {
			fmt.Fprintf(w, "step %4d  negative log-likelihood %.3f nats\n", n, loss)
		}
	}

	flow.SetTraining(false)
	samples, _, err := flow.Sample(1000, nil, 1, g)
	if err != nil {
		return 0, err
	}
	return loss, draw(out, moons(1000, g), samples.Values())
}

// moons returns n points [n, 2] on two interleaved half circles of radius 1, with some noise.
func moons(n int, g *tensor.Generator) []float32 {
	points := make([]float32, 0, 2*n)
	for range n {
		angle := math.Pi * float64(g.Intn(1<<20)) / (1 << 20)
		x, y := math.Cos(angle), math.Sin(angle)
		if g.Intn(2) == 1 {
			x, y = 1-x, 0.5-y
		}
		const noise = 0.05
		radius := noise * math.Sqrt(-2*math.Log((float64(g.Intn(1<<20))+1)/(1<<20))) // Box and Muller
		phase := 2 * math.Pi * float64(g.Intn(1<<20)) / (1 << 20)
		points = append(points, float32(x+radius*math.Cos(phase)), float32(y+radius*math.Sin(phase)))
	}
	return points
}

// draw writes a PNG file of points of the data [n, 2], on the left, and of samples [n, 2], on the right.
func draw(path string, data, samples []float32) error {
	const side, scale = 400, 100 // pixels of a panel, and of a unit
	picture := image.NewGray(image.Rect(0, 0, 2*side, side))
	for i := range picture.Pix {
		picture.Pix[i] = 255
	}
	for panel, points := range [][]float32{data, samples} {
		for i := 0; i < len(points); i += 2 {
			x, y := int(scale*(points[i]+1.5)), int(scale*(2.25-points[i+1])) // [−1.5, 2.5] × [−1.75, 2.25]
			if x >= 0 && x < side {
				picture.SetGray(panel*side+x, y, color.Gray{})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
