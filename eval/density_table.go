package eval

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/plots"
	"github.com/bestiary-ml/bestiary/sample"
)

// TableReport has the figures of a density on rows of a table.
type TableReport struct {
	Rows          int     `json:"rows"`
	LeftOut       int     `json:"left_out"`            // rows with a missing cell
	LogLikelihood float64 `json:"mean_log_likelihood"` // nats a row, in the table's units
	StandardError float64 `json:"standard_error"`      // of LogLikelihood
	// Calibration compares each column with samples given the row's condition.
	Calibration []Calibration `json:"calibration"`
}

// Calibration compares a column with its distribution under a density. The probability integral transform (PIT) of a row is the
// share of samples, given the row's condition, that are below its number. If the density is right, PITs are uniform on [0, 1]
// (Dawid, 1984; Gneiting et al., 2007).
type Calibration struct {
	Column    string      `json:"column"`
	Rows      int         `json:"rows"`      // that were compared
	Histogram [10]float64 `json:"histogram"` // share of PITs in each tenth; 0.1 each if calibrated
	// Distance is the largest difference between the distribution of PITs and the uniform one (Kolmogorov–Smirnov), and Critical
	// is what it exceeds for 5 % of calibrated densities.
	Distance float64    `json:"distance"`
	Critical float64    `json:"critical"`
	Coverage []Coverage `json:"coverage"`

	pits []float64 // sorted
}

// Coverage is the share of rows whose number lies in the central interval that holds the share Level of the density.
type Coverage struct {
	Level         float64 `json:"level"`
	Share         float64 `json:"share"`
	StandardError float64 `json:"standard_error"` // of Share
}

// TableOptions say how a density is measured. Zero values stand for the defaults.
type TableOptions struct {
	Rows  int    // largest number of rows whose calibration is measured; 0: 1000
	Draws int    // samples for each of them; 0: 199
	Seed  uint64 // of the samples
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o TableOptions) Validate() error {
	switch {
	case o.Rows < 0 || o.Rows > 1_000_000:
		return fault.Field("Rows", o.Rows, "must be 1 to 1000000, or 0 for 1000")
	case o.Draws != 0 && o.Draws < 19 || o.Draws > 100_000:
		return fault.Field("Draws", o.Draws, "must be 19 to 100000, or 0 for 199")
	}
	return nil
}

// levels are the central intervals whose coverage is measured.
var levels = []float64{0.5, 0.8, 0.9, 0.95}

// EvaluateTable measures a density on the rows of a table: its mean log-likelihood, and the calibration of each column.
func EvaluateTable(ctx context.Context, p *sample.Density, t *table.Table, o TableOptions) (*TableReport, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	logs, err := p.LogProb(ctx, t)
	if err != nil {
		return nil, err
	}
	if len(logs) == 0 {
		return nil, fault.Field("Table", nil, "must have rows to measure the density on")
	}
	r := &TableReport{Rows: t.Rows, LeftOut: t.Dropped}
	r.LogLikelihood, r.StandardError = meanAndError(logs)
	if o.Rows == 0 {
		o.Rows = 1000
	}
	if o.Draws == 0 {
		o.Draws = 199
	}
	t = t.Some(o.Rows, o.Seed)
	made, _, err := p.SampleFor(ctx, t, o.Draws, o.Seed)
	if err != nil {
		return nil, err
	}
	encoding := p.Data().Encoding
	random := rand.New(rand.NewPCG(o.Seed, 0))
	for j, known := range encoding.Columns {
		c, err := t.Column(known.Name)
		if err != nil {
			return nil, err
		}
		pits := make([]float64, t.Rows)
		for i, v := range c.Numbers {
			below, equal := 0, 0
			for k := range o.Draws {
				switch x := made[(i*o.Draws+k)*len(encoding.Columns)+j]; {
				case x < v:
					below++
				case x == v:
					equal++
				}
			}
			// Randomized within ties and between samples, so that it is uniform for whole numbers, too.
			pits[i] = (float64(below) + random.Float64()*float64(equal+1)) / float64(o.Draws+1)
		}
		r.Calibration = append(r.Calibration, calibration(known.Name, pits))
	}
	return r, nil
}

// calibration summarizes PITs.
func calibration(column string, pits []float64) Calibration {
	slices.Sort(pits)
	n := float64(len(pits))
	c := Calibration{Column: column, Rows: len(pits), Critical: 1.358 / math.Sqrt(n), pits: pits}
	for i, u := range pits {
		c.Histogram[min(int(u*10), 9)] += 1 / n
		c.Distance = max(c.Distance, u-float64(i)/n, float64(i+1)/n-u)
	}
	for _, level := range levels {
		share := c.covered(level)
		c.Coverage = append(c.Coverage, Coverage{level, share, math.Sqrt(share * (1 - share) / n)})
	}
	return c
}

// covered is the share of PITs in the central interval of a level.
func (c *Calibration) covered(level float64) float64 {
	n := 0
	for _, u := range c.pits {
		if math.Abs(u-0.5) <= level/2 {
			n++
		}
	}
	return float64(n) / float64(max(len(c.pits), 1))
}

// meanAndError returns the mean of values and its standard error.
func meanAndError(values []float64) (mean, deviation float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / max(n-1, 1) / n)
}

// SavePlot draws the coverage of central intervals over their level, a line for each of the first eight columns, and writes a
// PNG file. The lines of a calibrated density lie on the diagonal.
func (r *TableReport) SavePlot(path string) error {
	if r == nil {
		return fault.Field("Report", nil, "must not be nil; make one with EvaluateTable")
	}
	ideal := plots.Series{Name: "calibrated", X: []float64{0, 1}, Y: []float64{0, 1}}
	var series []plots.Series
	for k := range r.Calibration {
		if k == 8 {
			break
		}
		c := &r.Calibration[k]
		s := plots.Series{Name: c.Column}
		for level := 0.0; level <= 1.001; level += 0.02 {
			s.X, s.Y = append(s.X, level), append(s.Y, c.covered(level))
		}
		series = append(series, s)
	}
	axes := plots.Axes{Title: "Coverage of central intervals", X: "probability of the interval", Y: "share of rows within it"}
	return plots.Lines(path, axes, append(series, ideal)...)
}
