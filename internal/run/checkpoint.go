package run

import (
	"fmt"
	"maps"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

const (
	weightsSuffix = ".safetensors"
	stateSuffix   = ".state.safetensors"
)

// Metadata keys of both files.
const (
	modelKey   = "model"
	kindKey    = "kind" // weights or state
	programKey = "program"
)

const (
	weightsKind = "weights"
	stateKind   = "state"
)

// SaveWeights replaces a model's weights, as [weights.Of] lists them, with further entries for the file's metadata.
func (r *Run) SaveWeights(model string, tensors []safetensors.Tensor, meta map[string]string) error {
	return save(r.WeightsPath(model), model, weightsKind, tensors, meta)
}

// LoadWeights sets a model's parameters and buffers to the saved ones and returns the file's metadata. The module is
// unchanged after an error.
func (r *Run) LoadWeights(model string, m nn.Module) (meta map[string]string, err error) {
	path := r.WeightsPath(model)
	if !exists(path) {
		return nil, r.missing(model)
	}
	f, err := read(path, model, weightsKind)
	if err != nil {
		return nil, err
	}
	if err := weights.Load(m, f, ""); err != nil {
		return nil, err
	}
	return f.Metadata, nil
}

// SaveState replaces what a model's training needs to continue. It must include the weights that the training goes on
// with: the weights file may be of another step.
func (r *Run) SaveState(model string, tensors []safetensors.Tensor, meta map[string]string) error {
	return save(r.StatePath(model), model, stateKind, tensors, meta)
}

// LoadState reads what SaveState wrote.
func (r *Run) LoadState(model string) (*safetensors.File, error) {
	path := r.StatePath(model)
	if !exists(path) {
		if r.HasWeights(model) {
			return nil, fmt.Errorf("%s: belongs to no training that can be continued (one stopped before its first checkpoint, perhaps); delete it to start again, or choose another folder", r.WeightsPath(model))
		}
		return nil, fmt.Errorf("%s: holds no training of %s to continue; leave out --resume to start one", r.dir, model)
	}
	return read(path, model, stateKind)
}

func save(path, model, kind string, tensors []safetensors.Tensor, meta map[string]string) error {
	all := map[string]string{modelKey: model, kindKey: kind, programKey: Program()}
	maps.Copy(all, meta)
	return safetensors.Write(path, tensors, all)
}

// read reads a file and makes sure that it is what its name says. Weights without our metadata, from another program,
// are judged by their tensors alone.
func read(path, model, kind string) (*safetensors.File, error) {
	f, err := safetensors.Read(path)
	if err != nil {
		return nil, err
	}
	if got, ok := f.Metadata[modelKey]; ok && got != model || !ok && kind == stateKind {
		return nil, fmt.Errorf("%s: belongs to the model %q, not to %q; put the right file in its place", path, got, model)
	}
	if got, ok := f.Metadata[kindKey]; ok && got != kind {
		return nil, fmt.Errorf("%s: is a file of %s where one of %s belongs; put the right file in its place", path, got, kind)
	}
	return f, nil
}

// missing says that a model has no weights here, which models have, and what makes it.
func (r *Run) missing(model string) error {
	if _, err := r.readConfig(); err != nil {
		return err
	}
	there := "no models yet"
	if models := r.Models(); len(models) > 0 {
		there = strings.Join(models, " and ")
	}
	return fmt.Errorf("%s: holds no trained %s (it has %s); make it with \"bestiary train %s\"", r.dir, model, there, model)
}
