package tasks

import (
	"context"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/require"
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
	if e == nil || len(e.Columns) == 0 {
		return flows.Spec{}, fault.Field("Encoding", nil, "must have columns; make one with table.NewEncoding")
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

// DefaultDensity returns settings for tables of some hundred to some million rows. The table decides Model, see [DensitySpec].
func DefaultDensity() Defaults[flows.Spec] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.Schedule, c.Warmup, c.Clip, c.EMA = 4000, 256, 1e-3, "cosine", 50, 5, 0.995
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery, c.Patience = 100, 1000, 1000, 10
	return Defaults[flows.Spec]{Training: c}
}

// DensityOptions say how a density is trained beyond its flow. Noise on rows keeps a flow from learning small tables by heart
// (Rothfuss et al., 2019, "Noise Regularization for Conditional Density Estimation").
type DensityOptions struct {
	// Noise is the standard deviation of Gaussian noise on the columns in training, in their standard deviations.
	Noise float64 `json:"noise"`
	// ConditionNoise is the same on the encoded condition, whose numbers have a standard deviation of about 1.
	ConditionNoise float64 `json:"condition_noise"`
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o DensityOptions) Validate() error {
	if err := require.Between("Noise", o.Noise, 0, 10); err != nil {
		return err
	}
	return require.Between("ConditionNoise", o.ConditionNoise, 0, 10)
}

// Density trains a flow on the rows of a table, encoded as the description says, and evaluates it on held-out rows (nil: no
// evaluation). Whole numbers are dequantized: each time they are shown, a uniform number from [0, 1) is added. A training on more
// held-out rows than it needs evaluates on some of them. The device is held while the task is made.
func Density(ctx context.Context, d *tensor.Device, s flows.Spec, how DensityOptions, description table.Description, training, heldOut *table.Table, o Options) (model *flows.Flow, task *train.Task[train.RowBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if err := how.Validate(); err != nil {
		return nil, nil, err
	}
	e := &description.Encoding
	columns := len(e.Columns)
	if columns == 0 || s.Columns != columns || s.Condition != e.Width() {
		return nil, nil, fault.Field("Columns", s.Columns, "must be %d given %d, as the rows of the table are encoded", columns, e.Width())
	}
	if err := checkTable(e, training); err != nil {
		return nil, nil, err
	}
	rows, width, err := together(e, training)
	if err != nil {
		return nil, nil, err
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.Density.Name)
	if model, err = flows.New(d, s, g); err != nil {
		return nil, nil, err
	}
	if err := fitRows(ctx, device, model, s, rows, columns, width); err != nil {
		return nil, nil, err
	}
	source, err := train.NewRows(rows, width, nil, o.Batch, false, o.Seed)
	if err != nil {
		return nil, nil, err
	}
	dequantized := dequantization(d, e)
	noise := noiseOf(d, rows, columns, width, how)
	task = &train.Task[train.RowBatch]{
		Model:      models.Density.Name,
		Module:     model,
		Settings:   s,
		Options:    how,
		Data:       description,
		Source:     source,
		Unit:       "rows",
		Generators: map[string]*tensor.Generator{models.Density.Name: g},
		Check:      train.RowBatch.Check,
		Loss: func(batch train.RowBatch) (*tensor.Tensor, *train.Figures) {
			all, n := batch.Tensor(d), batch.Len() // [N, D + C]
			if noise != nil {
				all = all.Add(g.Normal(d, n, width).Mul(noise))
			}
			x := all.Slice(1, 0, columns) // [N, D]
			var cond *tensor.Tensor
			if width > columns {
				cond = all.Slice(1, columns, width) // [N, C]
			}
			if dequantized != nil {
				x = x.Add(g.Uniform(d, n, columns).Mul(dequantized))
			}
			return model.Loss(x, cond, g), nil
		},
	}
	density, err := sample.NewDensity(d, description, model)
	if err != nil {
		return nil, nil, err
	}
	shown := training
	if heldOut != nil && heldOut.Rows > 0 {
		if _, _, err := together(e, heldOut); err != nil {
			return nil, nil, err
		}
		some := heldOut.Some(evaluated(s), o.Seed)
		task.Evaluate = func() (train.Metrics, error) { return evaluateDensity(density, some) }
		shown = heldOut
	}
	few := shown.Some(pairPoints, o.Seed)
	task.Samples = func(path string) error {
		made, _, err := density.SampleFor(context.Background(), few, 1, o.Seed)
		if err != nil {
			return err
		}
		return sample.SavePairs(path, few, e, made)
	}
	return model, task, nil
}

// pairPoints is the number of rows in a plot of data beside samples.
const pairPoints = 1000

// evaluated is the number of held-out rows that an evaluation in training uses. A continuous flow solves a differential equation
// for each.
func evaluated(s flows.Spec) int {
	if slices.ContainsFunc(s.Layers, func(l flows.LayerSpec) bool { return l.Kind == "continuous" }) {
		return 256
	}
	return 5000
}

// evaluateDensity returns the mean negative log-density of rows in nats, "loss", and its standard error.
func evaluateDensity(density *sample.Density, rows *table.Table) (train.Metrics, error) {
	logs, err := density.LogProb(context.Background(), rows)
	if err != nil {
		return nil, err
	}
	mean, squares := 0.0, 0.0
	for _, l := range logs {
		mean -= l / float64(len(logs))
	}
	for _, l := range logs {
		squares += (l + mean) * (l + mean)
	}
	return train.Metrics{"loss": mean, "standard_error": math.Sqrt(squares) / float64(len(logs))}, nil
}
