package run

import (
	"fmt"
	"maps"

	"github.com/bestiary-ml/bestiary/fault"
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

// SaveWeights replaces a model's weights, as [weights.Of] returns them. meta are further entries of the file's metadata.
func (r *Run) SaveWeights(model string, tensors []safetensors.Tensor, meta map[string]string) error {
	return save(r.WeightsPath(model), model, weightsKind, tensors, meta)
}

// ReadWeights reads the file of a model's weights. A run without it is a [*fault.Missing].
func (r *Run) ReadWeights(model string) (*safetensors.File, error) {
	path := r.WeightsPath(model)
	if !exists(path) {
		return nil, r.missing(model)
	}
	return read(path, model, weightsKind)
}

// LoadWeights sets a model's parameters and buffers to the saved ones and returns the file's metadata. The module is
// unchanged after an error.
func (r *Run) LoadWeights(model string, m nn.Module) (meta map[string]string, err error) {
	f, err := r.ReadWeights(model)
	if err != nil {
		return nil, err
	}
	if err := weights.Load(m, f, ""); err != nil {
		return nil, err
	}
	return f.Metadata, nil
}

// SaveState replaces what a model's training needs to resume. It must include the weights of the training: the weights
// file may be of another step.
func (r *Run) SaveState(model string, tensors []safetensors.Tensor, meta map[string]string) error {
	return save(r.StatePath(model), model, stateKind, tensors, meta)
}

// LoadState reads the file that SaveState wrote.
func (r *Run) LoadState(model string) (*safetensors.File, error) {
	path := r.StatePath(model)
	if !exists(path) {
		if r.HasWeights(model) {
			return nil, fmt.Errorf("%s: belongs to no training that can be resumed (it may have stopped before its first checkpoint); delete it to start again, or choose another folder", r.WeightsPath(model))
		}
		return nil, fmt.Errorf("%s: has no training of %s to resume; start one first", r.dir, model)
	}
	return read(path, model, stateKind)
}

func save(path, model, kind string, tensors []safetensors.Tensor, meta map[string]string) error {
	all := map[string]string{modelKey: model, kindKey: kind, programKey: Program()}
	maps.Copy(all, meta)
	return safetensors.Write(path, tensors, all)
}

// read reads a file and checks that its metadata agrees with its name. Weights of another program, without our metadata,
// are accepted here; their tensors are checked when they are loaded.
func read(path, model, kind string) (*safetensors.File, error) {
	f, err := safetensors.Read(path)
	if err != nil {
		return nil, err
	}
	if got, ok := f.Metadata[modelKey]; ok && got != model || !ok && kind == stateKind {
		return nil, fault.Damaged(path, "belongs to the model %q, not to %q; put the right file in its place", got, model)
	}
	if got, ok := f.Metadata[kindKey]; ok && got != kind {
		return nil, fault.Damaged(path, "is a file of %s where one of %s belongs; put the right file in its place", got, kind)
	}
	return f, nil
}

// missing returns the error for a model that the run lacks.
func (r *Run) missing(model string) error {
	if _, err := r.readConfig(); err != nil {
		return err
	}
	return &fault.Missing{Run: r.dir, Model: model, There: r.Models()}
}
