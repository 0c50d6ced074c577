package tasks

import (
	"context"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// Architectures are the flows by name that [DensitySpec] knows.
var Architectures = []string{"realnvp", "nsf", "maf", "iaf", "cfm"}

// DensitySpec returns the flow of that name for encoded rows: bounds of shares first, then standardization and the layers of
// the architecture. Angles get circular splines on the circle, whatever the name.
func DensitySpec(name string, e *table.Encoding) (flows.Spec, error) {
	presets := map[string]func(columns, condition int) flows.Spec{
		"realnvp": flows.RealNVPSpec, "nsf": flows.NSF, "maf": flows.MAF, "iaf": flows.IAF, "cfm": flows.CFM,
	}
	preset, known := presets[name]
	if !known {
		return flows.Spec{}, fault.Field("Architecture", name, "must be one of %q", Architectures)
	}
	columns := len(e.Columns)
	if e.Circular() {
		return flows.Torus(columns, e.Width()), nil
	}
	if name == "realnvp" && columns == 1 {
		return flows.Spec{}, fault.Field("Architecture", name, "splits the columns in two, and there is only one; choose nsf, maf, iaf or cfm")
	}
	s := preset(columns, e.Width())
	intervals, bounded := make([][2]flows.Number, columns), false
	for j, c := range e.Columns {
		intervals[j] = [2]flows.Number{flows.Number(math.Inf(-1)), flows.Number(math.Inf(1))}
		if c.Kind == table.Unit || c.Kind == table.Angle {
			bounded = true
			intervals[j] = [2]flows.Number{flows.Number(c.Low), flows.Number(c.High)}
			if c.Kind == table.Unit {
				intervals[j] = [2]flows.Number{0, 1}
			}
		}
	}
	if bounded {
		s.Layers = append([]flows.LayerSpec{{Kind: "bounded", Intervals: intervals}}, s.Layers...)
	}
	return s, nil
}

// DefaultDensity returns settings for tables of some hundred to some million rows.
func DefaultDensity() Defaults[flows.Spec] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.Schedule, c.Warmup, c.Clip, c.EMA = 4000, 256, 1e-3, "cosine", 50, 5, 0.995
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery, c.Patience = 100, 1000, 1000, 10
	return Defaults[flows.Spec]{Training: c}
}

// Density trains a flow on the rows of a table, encoded as the description says, and evaluates it on held-out rows (nil: no
// evaluation). Whole numbers are dequantized: each time they are shown, a uniform number from [0, 1) is added.
func Density(d *tensor.Device, s flows.Spec, description table.Description, training, heldOut *table.Table, o Options) (model *flows.Flow, task *train.Task[train.RowBatch], err error) {
	defer fault.Catch(&err)
	e := &description.Encoding
	rows, width, err := together(e, training)
	if err != nil {
		return nil, nil, err
	}
	columns := len(e.Columns)
	if s.Columns != columns || s.Condition != e.Width() {
		return nil, nil, fault.Field("Columns", s.Columns, "must be %d given %d, as the rows of the table are encoded", columns, e.Width())
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.Density.Name)
	if model, err = flows.New(d, s, g); err != nil {
		return nil, nil, err
	}
	if err := fitRows(model, s, rows, columns, width); err != nil {
		return nil, nil, err
	}
	source, err := train.NewRows(rows, width, nil, o.Batch, false, o.Seed)
	if err != nil {
		return nil, nil, err
	}
	noise := dequantization(d, e)
	task = &train.Task[train.RowBatch]{
		Model:      models.Density.Name,
		Module:     model,
		Settings:   s,
		Data:       description,
		Source:     source,
		Unit:       "rows",
		Generators: map[string]*tensor.Generator{models.Density.Name: g},
		Check:      train.RowBatch.Check,
		Loss: func(batch train.RowBatch) (*tensor.Tensor, *train.Figures) {
			all := batch.Tensor(d) // [N, D + C]
			x := all.Slice(1, 0, columns)
			var cond *tensor.Tensor
			if width > columns {
				cond = all.Slice(1, columns, width)
			}
			if noise != nil {
				x = x.Add(g.Uniform(d, batch.Len(), columns).Mul(noise))
			}
			return model.Loss(x, cond, g), nil
		},
	}
	if heldOut == nil || heldOut.Rows == 0 {
		return model, task, nil
	}
	density, err := sample.NewDensity(d, description, model)
	if err != nil {
		return nil, nil, err
	}
	task.Evaluate = func() (train.Metrics, error) {
		logs, err := density.LogProb(context.Background(), heldOut)
		if err != nil {
			return nil, err
		}
		sum := 0.0
		for _, l := range logs {
			sum += l
		}
		return train.Metrics{"loss": -sum / float64(len(logs))}, nil
	}
	return model, task, nil
}

// together returns the encoded rows with their conditions, [N, D + C].
func together(e *table.Encoding, t *table.Table) (rows []float32, width int, err error) {
	x, err := e.Rows(t)
	if err != nil {
		return nil, 0, err
	}
	cond, err := e.Conditions(t)
	if err != nil {
		return nil, 0, err
	}
	columns, given := len(e.Columns), e.Width()
	for i := range t.Rows {
		rows = append(rows, x[i*columns:(i+1)*columns]...)
		rows = append(rows, cond[i*given:(i+1)*given]...)
	}
	return rows, columns + given, nil
}

// fitRows computes the statistics of the flow's standardization, if it has one.
func fitRows(model *flows.Flow, s flows.Spec, rows []float32, columns, width int) error {
	if !slices.ContainsFunc(s.Layers, func(l flows.LayerSpec) bool { return l.Kind == "standardize" }) {
		return nil
	}
	return model.Fit(func(yield func([]float32) bool) {
		for row := range slices.Chunk(rows, width) {
			if !yield(row[:columns]) {
				return
			}
		}
	})
}

// dequantization returns what the uniform noise of each column is multiplied by, [1, D]; nil without whole numbers.
func dequantization(d *tensor.Device, e *table.Encoding) *tensor.Tensor {
	scale, any := make([]float32, len(e.Columns)), false
	for j, c := range e.Columns {
		if c.Kind == table.Integer {
			scale[j], any = 1, true
		}
	}
	if !any {
		return nil
	}
	return d.From(scale, 1, len(scale)).Keep()
}
