package tables

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// recipe says how a flow is trained.
type recipe struct {
	spec   func(e *table.Encoding) (flows.Spec, error)
	how    tasks.DensityOptions
	config train.Config
}

// fit trains a flow in a temporary run folder.
func (r recipe) fit(ctx context.Context, d *tensor.Device, e *table.Encoding, training, heldOut *table.Table) (*sample.Density, error) {
	s, err := r.spec(e)
	if err != nil {
		return nil, err
	}
	r.config.Batch = min(r.config.Batch, training.Rows)
	if heldOut == nil || heldOut.Rows == 0 {
		r.config.Patience = 0
	}
	description := table.Description{Path: training.Path, Encoding: *e}
	f, task, err := tasks.Density(ctx, d, s, r.how, description, training, heldOut, tasks.Options{Batch: r.config.Batch, Seed: r.config.Seed})
	if err != nil {
		return nil, err
	}
	task.Samples = nil
	dir, err := os.MkdirTemp("", "tables")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if _, err := train.Run(ctx, dir, *task, r.config, train.Options{}); err != nil {
		return nil, err
	}
	return sample.NewDensity(d, description, f)
}

// named returns the architecture of a name, as [tasks.DensitySpec] does.
func named(architecture string) func(e *table.Encoding) (flows.Spec, error) {
	return func(e *table.Encoding) (flows.Spec, error) { return tasks.DensitySpec(architecture, e) }
}

// configure returns the settings of a training of that many steps.
func configure(steps, batch, evaluate int, seed uint64) train.Config {
	c := tasks.DefaultDensity().Training
	c.Steps, c.Batch, c.Seed, c.Warmup = steps, batch, seed, min(c.Warmup, steps/10)
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery, c.LogEvery = evaluate, 0, 0, max(1, steps/10)
	return c
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

// continuous gives names and the kind of continuous numbers to D columns.
func continuous(columns int) (names []string, kinds map[string]table.Kind) {
	kinds = map[string]table.Kind{}
	for j := range columns {
		name := fmt.Sprint("x", j+1)
		names, kinds[name] = append(names, name), table.Continuous
	}
	return names, kinds
}

// say writes a line of progress.
func say(w io.Writer, format string, args ...any) {
	if w != nil {
		fmt.Fprintf(w, format+"\n", args...)
	}
}
