package flows

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Distribution is a flow given one condition: a distribution of rows.
type Distribution struct {
	Flow      *Flow
	Condition []float32 // [C]; nil for a flow without a condition
}

// Given returns the flow's distribution given a condition; none for a flow without. The error is a [*fault.FieldError].
func (f *Flow) Given(condition ...float32) (*Distribution, error) {
	if len(condition) != f.Condition {
		return nil, fault.Field("Condition", len(condition), "must have %d numbers", f.Condition)
	}
	return &Distribution{Flow: f, Condition: condition}, nil
}

// rows repeats the condition for n rows, [n, C]; nil without a condition.
func (p *Distribution) rows(n int) *tensor.Tensor {
	if len(p.Condition) == 0 {
		return nil
	}
	return p.Flow.device.From(p.Condition, 1, len(p.Condition)).Expand(n, len(p.Condition))
}

// LogProb returns the log-density of each row of x [N, D], in nats [N].
func (p *Distribution) LogProb(x *tensor.Tensor) *tensor.Tensor {
	return p.Flow.LogProb(x, p.rows(x.Dim(0)))
}

// Sample draws n rows [n, D] with their log-densities [n]; see [Flow.Sample].
func (p *Distribution) Sample(n int, g *tensor.Generator) (x, logProb *tensor.Tensor, err error) {
	return p.Flow.Sample(n, p.rows(n), 1, g)
}

// Estimate is a mean over samples with its standard error.
type Estimate struct{ Mean, StandardError float64 }

// String implements [fmt.Stringer].
func (e Estimate) String() string { return fmt.Sprintf("%.4f ± %.4f", e.Mean, e.StandardError) }

// Entropy estimates the differential entropy −E log p(x) in nats from n samples.
func (p *Distribution) Entropy(n int, g *tensor.Generator) (Estimate, error) {
	return p.expect(n, g, func(_, logProb *tensor.Tensor) *tensor.Tensor { return logProb.Neg() })
}

// KL estimates the Kullback–Leibler divergence KL(p‖q) = E log p(x) − log q(x), x from p, in nats from n samples. Both must have
// the same columns and lie on one device.
func (p *Distribution) KL(q *Distribution, n int, g *tensor.Generator) (Estimate, error) {
	if q == nil || q.Flow.Base.Columns() != p.Flow.Base.Columns() || q.Flow.device != p.Flow.device {
		return Estimate{}, fault.Field("Q", nil, "must be a distribution of %d columns on the same device", p.Flow.Base.Columns())
	}
	return p.expect(n, g, func(x, logProb *tensor.Tensor) *tensor.Tensor { return logProb.Sub(q.LogProb(x)) })
}

// expectBatch is the number of samples that expect draws at a time.
const expectBatch = 4096

// expect averages a function of samples and their log-densities.
func (p *Distribution) expect(n int, g *tensor.Generator, f func(x, logProb *tensor.Tensor) *tensor.Tensor) (Estimate, error) {
	if n < 2 || n > maxSamples {
		return Estimate{}, fault.Field("N", n, "must be 2 to %d samples", maxSamples)
	}
	var sum, squares float64
	for done := 0; done < n; done += expectBatch {
		values, err := p.some(min(expectBatch, n-done), g, f)
		if err != nil {
			return Estimate{}, err
		}
		for _, v := range values {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
	}
	mean := sum / float64(n)
	return Estimate{mean, math.Sqrt(max(squares/float64(n)-mean*mean, 0) / float64(n-1))}, nil
}

// some returns the function's values of n samples.
func (p *Distribution) some(n int, g *tensor.Generator, f func(x, logProb *tensor.Tensor) *tensor.Tensor) (values []float32, err error) {
	defer fault.Catch(&err)
	step := p.Flow.device.Scratch()
	defer step.End()
	x, logProb, err := p.Sample(n, g)
	if err != nil {
		return nil, err
	}
	values = f(x, logProb).Values()
	return values, CheckFinite("the log-density", 0, values)
}

// String implements [fmt.Stringer].
func (p *Distribution) String() string {
	if len(p.Condition) == 0 {
		return "distribution of " + p.Flow.String()
	}
	return fmt.Sprintf("distribution given %v of %s", p.Condition, p.Flow)
}
