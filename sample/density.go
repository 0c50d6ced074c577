package sample

import (
	"context"
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/internal/require"
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
	if err := require.Device(d); err != nil {
		return nil, err
	}
	e := &description.Encoding
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if f == nil || f.Base == nil || f.Base.Columns() != len(e.Columns) || f.Condition != e.Width() {
		return nil, fault.Field("Flow", nil, "must be over %d columns given %d, as the description's rows are encoded", len(e.Columns), e.Width())
	}
	return &Density{d, description, f}, nil
}

// OpenDensity loads the density of a run folder to device d.
func OpenDensity(ctx context.Context, dir string, d *tensor.Device) (*Density, error) {
	return open(ctx, dir, d, func(_ context.Context, r *run.Run, d *tensor.Device) (*Density, error) {
		f, err := models.Density.Open(r.Dir(), d)
		if err != nil {
			return nil, err
		}
		var description table.Description
		if err := r.Data(&description); err != nil {
			return nil, err
		}
		p, err := NewDensity(d, description, f)
		if err != nil {
			return nil, damaged(r, "the flow is over %d columns given %d, and the encoding of the data doesn't fit (%v)", f.Base.Columns(), f.Condition, err)
		}
		return p, nil
	})
}

// Data describes the table that the flow was trained on, and how its rows are encoded.
func (p *Density) Data() table.Description {
	if p == nil {
		return table.Description{}
	}
	return p.data
}

// Flow describes the layers of the flow; nil for a zero value.
func (p *Density) Flow() fmt.Stringer {
	if p == nil || p.flow == nil {
		return nil
	}
	return p.flow
}

const (
	densityBatch = 1024
	dequantized  = 16 // draws of the noise of whole numbers
)

// LogProb returns the log-density of each row of a table in nats, in the table's units [Rows]. For whole numbers it is the
// logarithm of the probability of the row's numbers, averaged over 16 draws of the noise, always the same ones (Ho et al., 2019,
// "Flow++", eq. 4). Rows so far away that float32 overflows get −3.4·10³⁸. Each batch is a turn on the device. The errors are those
// of [table.Encoding.Rows] and [table.Encoding.Conditions], a [*flows.Overflow], and that of ctx if it ends.
func (p *Density) LogProb(ctx context.Context, t *table.Table) ([]float64, error) {
	rows, conditions, err := p.encode(t)
	if err != nil {
		return nil, err
	}
	e := &p.data.Encoding
	return ranks.Divide(p.device, t.Rows, densityBatch, func(lo, hi int) ([]float64, error) {
		return exclusive(ctx, p.device, func() ([]float64, error) {
			return p.logProb(lo, rows[lo*len(e.Columns):hi*len(e.Columns)], conditions[lo*e.Width():hi*e.Width()], hi-lo)
		})
	})
}

// encode returns the rows and the conditions of a table.
func (p *Density) encode(t *table.Table) (rows, conditions []float32, err error) {
	if p == nil || p.flow == nil {
		return nil, nil, errNoPipeline
	}
	if rows, err = p.data.Encoding.Rows(t); err != nil {
		return nil, nil, err
	}
	conditions, err = p.data.Encoding.Conditions(t)
	return rows, conditions, err
}

// logProb computes a batch, which begins with row first of the table.
func (p *Density) logProb(first int, rows, conditions []float32, n int) ([]float64, error) {
	e := &p.data.Encoding
	step := p.device.Scratch()
	defer step.End()
	x, cond := p.device.From(rows, n, len(e.Columns)), p.conditions(conditions, n)
	scale, whole, noise := p.logScale(), false, make([]float32, len(e.Columns))
	for j, c := range e.Columns {
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
		logs := p.flow.LogProb(y, cond).Values()
		if err := checkLogs(first, logs); err != nil {
			return nil, err
		}
		for i, l32 := range logs {
			l := float64(l32)
			switch {
			case k == 0:
				sums[i], out[i] = 1, l
			case l > out[i]: // sums are relative to the largest
				sums[i], out[i] = sums[i]*math.Exp(out[i]-l)+1, l
			default:
				sums[i] += math.Exp(l - out[i])
			}
		}
	}
	for i := range out {
		out[i] += math.Log(sums[i]/float64(draws)) + scale
	}
	return out, nil
}

// conditions copies encoded conditions [n, C] to the device; nil without any.
func (p *Density) conditions(values []float32, n int) *tensor.Tensor {
	if p.flow.Condition == 0 {
		return nil
	}
	return p.device.From(values, n, p.flow.Condition)
}

// Sample draws n rows [n, D] in the table's units, with their log-densities [n], given the condition's cells by the names of
// their columns. Row i depends on the seed and on i's batch only. The log-densities are of the flow's rows, before whole numbers
// are rounded.
func (p *Density) Sample(ctx context.Context, n int, given map[string]string, seed uint64) (rows, logProb []float64, err error) {
	if p == nil || p.flow == nil {
		return nil, nil, errNoPipeline
	}
	if n < 1 || n > MaxRows/len(p.data.Encoding.Columns) {
		return nil, nil, fault.Field("N", n, "must be 1 to %d rows of %d columns", MaxRows/len(p.data.Encoding.Columns), len(p.data.Encoding.Columns))
	}
	condition, err := p.data.Encoding.Given(given)
	if err != nil {
		return nil, nil, err
	}
	return p.draw(ctx, n, seed, func(lo, hi int) *tensor.Tensor {
		if p.flow.Condition == 0 {
			return nil
		}
		return p.device.From(condition, 1, p.flow.Condition).Expand(hi-lo, p.flow.Condition)
	})
}

// SampleFor draws rows given the condition of each row of a table, in the table's units: [Rows, draws, D], with their
// log-densities [Rows, draws]. Without a condition it draws Rows·draws rows.
func (p *Density) SampleFor(ctx context.Context, t *table.Table, draws int, seed uint64) (rows, logProb []float64, err error) {
	if p == nil || p.flow == nil {
		return nil, nil, errNoPipeline
	}
	conditions, err := p.data.Encoding.Conditions(t)
	if err != nil {
		return nil, nil, err
	}
	columns, width := len(p.data.Encoding.Columns), p.flow.Condition
	if draws < 1 || t.Rows < 1 || draws > MaxRows/columns/t.Rows {
		return nil, nil, fault.Field("Draws", draws, "must be 1 or more, and at most %d numbers in all for %d rows of %d columns", MaxRows, t.Rows, columns)
	}
	return p.draw(ctx, t.Rows*draws, seed, func(lo, hi int) *tensor.Tensor {
		if width == 0 {
			return nil
		}
		values := make([]float32, 0, (hi-lo)*width)
		for i := lo; i < hi; i++ {
			values = append(values, conditions[i/draws*width:][:width]...)
		}
		return p.device.From(values, hi-lo, width)
	})
}

// MaxRows is the largest number of numbers, rows times columns, that a call draws.
const MaxRows = 1 << 28

// draw draws n rows in batches, each a turn on the device; condition returns the condition of rows lo to hi−1, [hi−lo, C].
func (p *Density) draw(ctx context.Context, n int, seed uint64, condition func(lo, hi int) *tensor.Tensor) (rows, logProb []float64, err error) {
	type drawn struct{ Rows, LogProb []float64 }
	scale := p.logScale()
	all, err := ranks.Divide(p.device, n, densityBatch, func(lo, hi int) ([]drawn, error) {
		return exclusive(ctx, p.device, func() ([]drawn, error) {
			step := p.device.Scratch()
			defer step.End()
			x, logs, err := p.flow.Sample(hi-lo, condition(lo, hi), 1, tensor.NewGenerator(seed).Fork(fmt.Sprint("rows ", lo)))
			if err != nil {
				return nil, err
			}
			own := drawn{Rows: p.data.Encoding.Decode(x.Values())}
			for _, l := range logs.Values() {
				own.LogProb = append(own.LogProb, float64(l)+scale)
			}
			return []drawn{own}, nil
		})
	})
	for _, own := range all {
		rows, logProb = append(rows, own.Rows...), append(logProb, own.LogProb...)
	}
	return rows, logProb, err
}

// logScale is what is added to log-densities of encoded rows for those in the table's units.
func (p *Density) logScale() (sum float64) {
	for j := range p.data.Encoding.Columns {
		sum += math.Log(p.data.Encoding.Scale(j))
	}
	return sum
}
