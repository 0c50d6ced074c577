package interchange

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/finite"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/tensor"
)

// flow builds the flow of c, with the statistics of its embeddings.
func (c *Checkpoint) flow(d *tensor.Device) (*flows.RealNVP, error) {
	file, err := c.source.file("")
	if err != nil {
		return nil, err
	}
	// Columns that the mask discards are not loaded, but a NaN in them spreads in PyTorch.
	var check finite.Check
	for _, name := range file.Names() {
		if strings.HasSuffix(name, ".p") || strings.HasSuffix(name, ".invp") {
			continue
		}
		values, _, err := file.Float32(name)
		if err != nil {
			return nil, damaged(c.Path, err)
		}
		check.Add(name, values)
		if strings.HasSuffix(name, ".running_var") && slices.Min(values) < 0 {
			return nil, damaged(c.Path, fmt.Errorf("has a negative variance in %q; name a checkpoint that is whole", name))
		}
	}
	if problem := check.Problem(); problem != "" {
		return nil, damaged(c.Path, errors.New(problem))
	}
	if c.oneClass {
		if file, err = addClass(file); err != nil {
			return nil, damaged(c.Path, err)
		}
	}
	f, err := flows.NewRealNVP(d, *c.Flow, tensor.NewGenerator(0))
	if err != nil {
		return nil, damaged(c.Path, err)
	}
	if err := LoadRealNVP(f, file, ""); err != nil {
		return nil, damaged(c.Path, err)
	}
	if c.Embedding != nil && c.Flow.Standardize {
		s := f.Layers()[0].(*flows.Standardize)
		s.Mean.Set(c.Embedding.Mean)
		s.Std.Set(c.Embedding.Std)
	}
	f.SetTraining(false)
	return f, nil
}

// AddClass turns a flow without a condition into one of a single class, whose weights are zero: the densities are the same.
func (c *Checkpoint) AddClass() { c.Flow.Classes, c.oneClass = 1, true }

// addClass returns the state of a LinearRNVP with conditioning_size 0 as that of one with 1.
func addClass(f *safetensors.File) (*safetensors.File, error) {
	var all []safetensors.Tensor
	for _, name := range f.Names() {
		t, err := f.Tensor(name)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(name, ".s.0.weight") && !strings.HasSuffix(name, ".t.0.weight") {
			all = append(all, *t)
			continue
		}
		values, shape, err := f.Float32(name)
		if err != nil {
			return nil, err
		}
		wide := floats(name, nil)
		wide.Shape = []int{shape[0], shape[1] + 1}
		for row := range slices.Chunk(values, shape[1]) {
			wide.F32 = append(append(wide.F32, 0), row...)
		}
		all = append(all, wide)
	}
	return safetensors.NewFile(f.Path, all, nil), nil
}
