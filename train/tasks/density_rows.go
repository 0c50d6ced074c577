package tasks

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/tensor"
)

// checkTable returns an error for a table that no density can be trained on.
func checkTable(e *table.Encoding, t *table.Table) error {
	const least = 2
	if t == nil {
		return fault.Field("Data", nil, "there are no rows to train on; give a table")
	}
	if t.Rows < least {
		return fault.Damaged(t.Path, "leaves %d rows to train on, and a density needs %d or more; add rows, or fill the missing cells", t.Rows, least)
	}
	for _, c := range e.Columns {
		if own, err := t.Column(c.Name); err != nil {
			return err
		} else if own.Constant() {
			return fault.Damaged(t.Path, "column %q holds %v in every row to train on, which has no density; leave it out", c.Name, own.Numbers[0])
		}
	}
	return nil
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

// fitRows computes the statistics of the flow's standardization, if it has one. Others may use the device every now and then.
func fitRows(ctx context.Context, device *hold, model *flows.Flow, s flows.Spec, rows []float32, columns, width int) error {
	if !slices.ContainsFunc(s.Layers, func(l flows.LayerSpec) bool { return l.Kind == "standardize" }) {
		return nil
	}
	var ended error
	err := model.Fit(func(yield func([]float32) bool) {
		n := 0
		for row := range slices.Chunk(rows, width) {
			if n++; n%4096 == 0 {
				if ended = device.yield(ctx); ended != nil {
					return
				}
			}
			if !yield(row[:columns]) {
				return
			}
		}
	})
	return cmp.Or(ended, err)
}

// noiseOf returns the standard deviation of the noise on each column of rows [N, D + C], [1, D + C]; nil for none.
func noiseOf(d *tensor.Device, rows []float32, columns, width int, how DensityOptions) *tensor.Tensor {
	if how.Noise == 0 && (how.ConditionNoise == 0 || width == columns) {
		return nil
	}
	scale, n := make([]float32, width), float64(len(rows)/width)
	for j := range scale {
		mean, squares := 0.0, 0.0
		for i := j; i < len(rows); i += width {
			mean += float64(rows[i]) / n
		}
		for i := j; i < len(rows); i += width {
			squares += (float64(rows[i]) - mean) * (float64(rows[i]) - mean) / n
		}
		scale[j] = float32(how.Noise * math.Sqrt(squares))
		if j >= columns {
			scale[j] = float32(how.ConditionNoise)
		}
	}
	return d.From(scale, 1, width).Keep()
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
