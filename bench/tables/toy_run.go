package tables

import (
	"context"
	"math"
	"time"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Sizes of the toys' data.
const (
	toyRows   = 1_000_000  // to train on, at most: a flow learns some noise of fewer rows by heart
	toyCells  = 16_000_000 // of the rows to train on, at most
	toyTested = 10_000     // to measure the gap
	gridSide  = 400        // of the grid on which a density is integrated
	toySteps  = 6000       // of a training
)

// ToyResult is how well an architecture learned a toy.
type ToyResult struct {
	Toy          string  `json:"toy"`
	Architecture string  `json:"architecture"`
	Steps        int     `json:"steps"`
	Seconds      float64 `json:"seconds"`
	Entropy      float64 `json:"entropy"` // of the toy, nats
	NLL          float64 `json:"nll"`     // mean negative log-density of new rows, nats
	// Gap is NLL less Entropy, estimated as the mean of log p − log q over the same new rows, which has a smaller standard error:
	// the Kullback–Leibler divergence from the flow q to the toy p.
	Gap           float64  `json:"gap"`
	StandardError float64  `json:"standard_error"`     // of Gap
	Integral      *float64 `json:"integral,omitempty"` // of the density over a grid, for two columns
}

// toyRecipe is how an architecture is trained on a toy. The learning rate of nsf is 0.005 in two columns and 0.002 beyond. In two
// columns, it is six couplings of splines with 16 bins, without linear maps between them: sharp edges need many bins more than wide
// networks.
func toyRecipe(toy *Toy, architecture string, steps int) recipe {
	r := recipe{spec: named(architecture), config: configure(steps, 512, 0, 1)}
	r.config.Patience = 0
	if architecture == "nsf" {
		r.config.LearningRate = 2e-3
	}
	if architecture == "nsf" && toy.Columns == 2 {
		r.config.LearningRate = 5e-3
		r.spec = func(*table.Encoding) (flows.Spec, error) {
			s := flows.Spec{Columns: 2, Base: flows.BaseSpec{Kind: "normal"}, Layers: []flows.LayerSpec{{Kind: "standardize"}}}
			for i := range 6 {
				s.Layers = append(s.Layers, flows.LayerSpec{Kind: "coupling", Map: "spline", Bins: 16, Least: 1e-3, Hidden: []int{64, 64}, Flipped: i%2 == 1})
			}
			return s, nil
		}
	}
	return r
}

// runToy trains an architecture on a toy.
func runToy(ctx context.Context, d *tensor.Device, toy *Toy, architecture string, steps int) (*ToyResult, error) {
	names, kinds := continuous(toy.Columns)
	training, err := table.FromRows(toy.Name, names, toy.Sample(min(toyRows, toyCells/toy.Columns), 1), kinds)
	if err != nil {
		return nil, err
	}
	e, err := table.NewEncoding(training, nil, nil)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	p, err := toyRecipe(toy, architecture, steps).fit(ctx, d, e, training, nil)
	if err != nil {
		return nil, err
	}
	result := &ToyResult{Toy: toy.Name, Architecture: architecture, Steps: steps, Seconds: time.Since(start).Seconds(), Entropy: toy.Entropy()}
	n := toyTested
	if architecture == "cfm" {
		n /= 10 // a differential equation each
	}
	rows := toy.Sample(n, 2)
	tested, err := table.FromRows(toy.Name, names, rows, kinds)
	if err != nil {
		return nil, err
	}
	logs, err := p.LogProb(ctx, tested)
	if err != nil {
		return nil, err
	}
	gaps := make([]float64, len(logs))
	for i, l := range logs {
		result.NLL -= l / float64(len(logs))
		gaps[i] = toy.LogDensity(rows[i*toy.Columns:][:toy.Columns]) - l
	}
	result.Gap, result.StandardError = meanAndError(gaps)
	if toy.Columns == 2 {
		mass, err := integral(ctx, p, toy, gridOf(architecture, gridSide))
		if err != nil {
			return nil, err
		}
		result.Integral = &mass
	}
	return result, nil
}

// gridOf returns how many points a side a grid has on which the density of an architecture is integrated.
func gridOf(architecture string, side int) int {
	if architecture == "cfm" {
		return side / 4 // a differential equation each
	}
	return side
}

// integral integrates a density over a grid of side×side points that is half as wide again as the toy.
func integral(ctx context.Context, p *sample.Density, toy *Toy, side int) (sum float64, err error) {
	middle, half := (toy.Low+toy.High)/2, 0.75*(toy.High-toy.Low)
	h := 2 * half / float64(side)
	var rows []float64
	for i := range side * side {
		rows = append(rows, middle-half+(float64(i%side)+0.5)*h, middle-half+(float64(i/side)+0.5)*h)
	}
	names, kinds := continuous(2)
	t, err := table.FromRows(toy.Name, names, rows, kinds)
	if err != nil {
		return 0, err
	}
	logs, err := p.LogProb(ctx, t)
	for _, l := range logs {
		sum += math.Exp(l) * h * h
	}
	return sum, err
}
