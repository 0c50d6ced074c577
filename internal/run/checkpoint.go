package run

import (
	"fmt"
	"io"
	"maps"
	"os"

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
	configKey  = "config" // checksum of the model's configuration
)

const (
	weightsKind = "weights"
	stateKind   = "state"
)

// SaveWeights replaces a model's weights, as [weights.Of] returns them. meta are further entries of the file's metadata.
func (r *Run) SaveWeights(model string, tensors []safetensors.Tensor, meta map[string]string) error {
	return r.update(func(c *Commit) error { return c.SaveWeights(model, tensors, meta) })
}

// SaveWeights is [Run.SaveWeights] as a part of the commit. The file is written when it returns.
func (c *Commit) SaveWeights(model string, tensors []safetensors.Tensor, meta map[string]string) error {
	return c.save(model+weightsSuffix, model, weightsKind, tensors, meta)
}

// ReadWeights reads the file of a model's weights. A run without it is a [*fault.Missing].
func (r *Run) ReadWeights(model string) (*safetensors.File, error) {
	if !r.HasWeights(model) {
		return nil, r.missing(model)
	}
	return r.read(model+weightsSuffix, model, weightsKind)
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
	return r.update(func(c *Commit) error { return c.SaveState(model, tensors, meta) })
}

// SaveState is [Run.SaveState] as a part of the commit. The file is written when it returns.
func (c *Commit) SaveState(model string, tensors []safetensors.Tensor, meta map[string]string) error {
	return c.save(model+stateSuffix, model, stateKind, tensors, meta)
}

// LoadState reads the file that SaveState wrote.
func (r *Run) LoadState(model string) (*safetensors.File, error) {
	if !r.HasState(model) {
		return nil, fmt.Errorf("%s: has no training of %s to resume; start one first", r.dir, model)
	}
	return r.read(model+stateSuffix, model, stateKind)
}

func (c *Commit) save(name, model, kind string, tensors []safetensors.Tensor, meta map[string]string) error {
	all := map[string]string{modelKey: model, kindKey: kind, programKey: Program()}
	settings, err := c.readConfig()
	if err != nil {
		return err
	}
	if sum := c.run.modelSum(settings, model); sum != "" {
		all[configKey] = sum
	}
	maps.Copy(all, meta)
	return c.write(name, func(w io.Writer) (string, error) { return safetensors.Encode(w, tensors, all) })
}

// read reads a file and checks that its metadata agrees with its name, and that it is the one that was committed. Weights
// of another program, without our metadata, are accepted if no commit has the file; their tensors are checked when they
// are loaded.
func (r *Run) read(name, model, kind string) (f *safetensors.File, err error) {
	err = r.settled(func(m *manifest) error {
		path, e := r.locate(m, name)
		if f, err = safetensors.Read(path); err != nil {
			return err
		}
		f.Path = r.Path(name)
		if err := checkKind(f, model, kind); err != nil {
			return err
		}
		if e != nil {
			if info, err := os.Stat(path); err == nil && info.Size() != e.Size || e.Content != f.Metadata[safetensors.ChecksumKey] {
				return &Changed{Path: f.Path, What: "is another file than the one that the run saved", Remedy: "put the right file in its place"}
			}
			return nil
		}
		if f.Metadata[configKey] == "" { // of another program or an older one
			return nil
		}
		settings, err := r.readConfigOf(m)
		if err != nil {
			return err
		}
		if sum, now := f.Metadata[configKey], r.modelSum(settings, model); sum != "" && now != "" && sum != now {
			return &Changed{Path: f.Path, What: fmt.Sprintf("was saved with another configuration of the %s than %s has", model, r.Path(configName)),
				Remedy: "put the right file in its place"}
		}
		return nil
	})
	return f, err
}

// checkKind checks that the metadata of a file agrees with its name.
func checkKind(f *safetensors.File, model, kind string) error {
	if got, ok := f.Metadata[modelKey]; ok && got != model || !ok && kind == stateKind {
		return fault.Damaged(f.Path, "belongs to the model %q, not to %q; put the right file in its place", got, model)
	}
	if got, ok := f.Metadata[kindKey]; ok && got != kind {
		return fault.Damaged(f.Path, "is a file of %s where one of %s belongs; put the right file in its place", got, kind)
	}
	return nil
}

// missing returns the error for a model that the run lacks.
func (r *Run) missing(model string) error {
	if _, err := r.readConfig(); err != nil {
		return err
	}
	return &fault.Missing{Run: r.dir, Model: model, There: r.Models()}
}
