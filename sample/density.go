package sample

import (
	"context"
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Density is the pipeline of a flow over the rows of tables. It computes log-densities and samples rows.
type Density struct {
	device *tensor.Device
	data   table.Description
	flow   *flows.Flow
}

// NewDensity makes a pipeline of a flow in memory, over rows that are encoded as the description says.
func NewDensity(d *tensor.Device, description table.Description, f *flows.Flow) (*Density, error) {
	if err := checkDevice(d); err != nil {
		return nil, err
	}
	e := &description.Encoding
	if f == nil || f.Base.Columns() != len(e.Columns) || f.Condition != e.Width() {
		return nil, fault.Field("Flow", nil, "must be over %d columns given %d", len(e.Columns), e.Width())
	}
	return &Density{d, description, f}, nil
}

// OpenDensity loads the density of a run folder to device d.
func OpenDensity(ctx context.Context, dir string, d *tensor.Device) (*Density, error) {
	return open(ctx, dir, d, func(ctx context.Context, r *run.Run, d *tensor.Device) (*Density, error) {
		var description table.Description
		if err := r.Data(&description); err != nil {
			return nil, err
		}
		f, err := models.Density.Open(dir, d)
		if err != nil {
			return nil, err
		}
		p, err := NewDensity(d, description, f)
		if err != nil {
			return nil, damaged(r, "%v", err)
		}
		return p, nil
	})
}

// Data describes the table that the flow was trained on, and how its rows are encoded.
func (p *Density) Data() table.Description { return p.data }

// Flow describes the layers of the flow.
func (p *Density) Flow() fmt.Stringer { return p.flow }

const (
	densityBatch = 1024
	dequantized  = 16 // draws of the noise of whole numbers
)

// LogProb returns the log-density of each row of a table in nats, in the table's units [Rows]. For whole numbers it is the
// logarithm of the probability of the row's numbers, averaged over 16 draws of the noise, always the same ones (Ho et al., 2019,
// "Flow++", eq. 4).
func (p *Density) LogProb(ctx context.Context, t *table.Table) ([]float64, error) {
	e := &p.data.Encoding
	rows, err := e.Rows(t)
	if err != nil {
		return nil, err
	}
	conditions, err := e.Conditions(t)
	if err != nil {
		return nil, err
	}
	return exclusive(ctx, p.device, func() ([]float64, error) {
		var all []float64
		for lo := 0; lo < t.Rows; lo += densityBatch {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			hi := min(lo+densityBatch, t.Rows)
			all = append(all, p.logProb(rows[lo*len(e.Columns):hi*len(e.Columns)], conditions[lo*e.Width():hi*e.Width()], hi-lo)...)
		}
		return all, nil
	})
}

// logProb computes a batch.
func (p *Density) logProb(rows, conditions []float32, n int) []float64 {
	e := &p.data.Encoding
	step := p.device.Scratch()
	defer step.End()
	x, cond := p.device.From(rows, n, len(e.Columns)), p.conditions(conditions, n)
	scale, whole, noise := 0.0, false, make([]float32, len(e.Columns))
	for j, c := range e.Columns {
		scale += math.Log(e.Scale(j))
		if c.Kind == table.Integer {
			whole, noise[j] = true, 1
		}
	}
	out, draws := make([]float64, n), 1
	if whole {
		draws = dequantized
	}
	g, sums := tensor.NewGenerator(0).Fork("dequantization"), make([]float64, n)
	for k := range draws {
		y := x
		if whole {
			y = x.Add(g.Uniform(p.device, n, len(e.Columns)).Mul(p.device.From(noise, 1, len(noise))))
		}
		for i, l := range p.flow.LogProb(y, cond).Values() {
			if k == 0 {
				out[i] = float64(l)
			}
			sums[i] += math.Exp(float64(l) - out[i]) // relative to the first draw
		}
	}
	for i := range out {
		out[i] += math.Log(sums[i]/float64(draws)) + scale
	}
	return out
}

// conditions copies encoded conditions [n, C] to the device; nil without any.
func (p *Density) conditions(values []float32, n int) *tensor.Tensor {
	if p.flow.Condition == 0 {
		return nil
	}
	return p.device.From(values, n, p.flow.Condition)
}

// Sample draws n rows [n, D] in the table's units, with their log-densities [n], given the condition's cells by the names of
// their columns. Row i depends on the seed and on i's batch only.
func (p *Density) Sample(ctx context.Context, n int, given map[string]string, seed uint64) (rows, logProb []float64, err error) {
	if n < 1 || n > MaxRows {
		return nil, nil, fault.Field("N", n, "must be 1 to %d rows", MaxRows)
	}
	e := &p.data.Encoding
	condition, err := e.Given(given)
	if err != nil {
		return nil, nil, err
	}
	_, err = exclusive(ctx, p.device, func() (struct{}, error) {
		for lo := 0; lo < n; lo += densityBatch {
			if err := ctx.Err(); err != nil {
				return struct{}{}, err
			}
			count := min(densityBatch, n-lo)
			x, logs, err := p.sample(count, condition, tensor.NewGenerator(seed).Fork(fmt.Sprint("rows ", lo)))
			if err != nil {
				return struct{}{}, err
			}
			rows, logProb = append(rows, x...), append(logProb, logs...)
		}
		return struct{}{}, nil
	})
	return rows, logProb, err
}

// MaxRows is the largest number of rows that are drawn at once.
const MaxRows = 10_000_000

// sample draws a batch.
func (p *Density) sample(n int, condition []float32, g *tensor.Generator) (rows, logProb []float64, err error) {
	e := &p.data.Encoding
	step := p.device.Scratch()
	defer step.End()
	var cond *tensor.Tensor
	if p.flow.Condition > 0 {
		cond = p.device.From(condition, 1, p.flow.Condition).Expand(n, p.flow.Condition)
	}
	x, logs, err := p.flow.Sample(n, cond, 1, g)
	if err != nil {
		return nil, nil, err
	}
	scale := 0.0
	for j := range e.Columns {
		scale += math.Log(e.Scale(j))
	}
	for _, l := range logs.Values() {
		logProb = append(logProb, float64(l)+scale)
	}
	return e.Decode(x.Values()), logProb, nil
}
