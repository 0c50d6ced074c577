// Package run keeps a run folder: everything that a command needs to know about the models of one pipeline.
//
//	config.json                      settings, in sections: of each model, of its training, of the data
//	<model>.safetensors              the weights to use
//	<model>.state.safetensors        what training needs to continue
//	<model>.loss.png                 the loss over the steps
//	metrics.jsonl                    figures of the training, a line a step
//	events/<model>/                  the same for TensorBoard
//	samples/<model>-step-000500.png  what the model drew on the way
//
// Every file but the logs is replaced as a whole, so a process that is killed at any moment leaves the old one or the
// new one. A state file is complete by itself: it doesn't matter which weights a killed process left beside it.
package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const configName = "config.json"

// Run is a run folder. It holds nothing but the path; each method looks at the files as they are.
type Run struct{ dir string }

// Create makes a run folder at dir, with the folders above it. A run that is there already is opened, because the
// models of a pipeline share one; a folder with anything else in it is refused.
func Create(dir string) (*Run, error) {
	r := &Run{dir}
	if exists(r.Path(configName)) {
		return Open(dir)
	}
	if err := check(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("%s: cannot be made a run folder (%w); choose a folder that you may write to", dir, cause(err))
	}
	return r, r.writeConfig(config{})
}

// Check tells what would keep [Create] from making a run folder at dir or opening the one there, or a model from being
// trained there anew. It writes nothing, so a command can ask before long work.
func Check(dir, model string) error {
	if err := check(dir); err != nil {
		return err
	}
	return (&Run{dir}).CheckNew(model)
}

func check(dir string) error {
	r := &Run{dir}
	if exists(r.Path(configName)) {
		_, err := r.readConfig()
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: cannot be made a run folder (%w); choose another folder", dir, cause(err))
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // a killed process may have left its temporary files and the lock
			return fmt.Errorf("%s: holds %s but is no run folder; choose a new or an empty folder", dir, e.Name())
		}
	}
	return nil
}

// CheckNew tells whether there is a model already, which a new training would overwrite.
func (r *Run) CheckNew(model string) error {
	switch {
	case r.HasState(model):
		return fmt.Errorf("%s: holds a training of %s already; go on with --resume, choose another folder, or delete %s and %s",
			r.dir, model, model+stateSuffix, model+weightsSuffix)
	case r.HasWeights(model):
		return fmt.Errorf("%s: holds a trained %s already; choose another folder, or delete %s", r.dir, model, model+weightsSuffix)
	}
	return nil
}

// Open opens an existing run folder.
func Open(dir string) (*Run, error) {
	r := &Run{dir}
	_, err := r.readConfig()
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Dir is the path of the folder.
func (r *Run) Dir() string { return r.dir }

// Path is the path of a file in the folder.
func (r *Run) Path(elem ...string) string { return filepath.Join(append([]string{r.dir}, elem...)...) }

// WeightsPath is the path of a model's weights.
func (r *Run) WeightsPath(model string) string { return r.Path(model + weightsSuffix) }

// StatePath is the path of what a model's training needs to continue.
func (r *Run) StatePath(model string) string { return r.Path(model + stateSuffix) }

// LossPlot is the path of a model's loss plot.
func (r *Run) LossPlot(model string) string { return r.Path(model + ".loss.png") }

// EventsDir is the folder of a model's TensorBoard events. Each model has its own: TensorBoard takes it for a run, and
// what a resumed training takes back must not touch the other models.
func (r *Run) EventsDir(model string) string { return r.Path("events", model) }

// SamplePath is the path of what a model draws at a step; the folder is made.
func (r *Run) SamplePath(model string, step int) (string, error) {
	if err := os.MkdirAll(r.Path("samples"), 0o777); err != nil {
		return "", fmt.Errorf("%s: cannot be made (%w); choose a run folder that you may write to", r.Path("samples"), cause(err))
	}
	return r.Path("samples", fmt.Sprintf("%s-step-%06d.png", model, step)), nil
}

// Models lists the models that have weights here, sorted.
func (r *Run) Models() []string {
	entries, _ := os.ReadDir(r.dir) // a folder that can't be read has no models for us
	var models []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), weightsSuffix)
		if ok && !strings.Contains(name, ".") { // neither a state nor a temporary file
			models = append(models, name)
		}
	}
	return models
}

// HasWeights reports whether there are weights of the model.
func (r *Run) HasWeights(model string) bool { return exists(r.WeightsPath(model)) }

// HasState reports whether there is a training of the model to continue.
func (r *Run) HasState(model string) bool { return exists(r.StatePath(model)) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// cause is what the system says, without the path that the message names already.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
