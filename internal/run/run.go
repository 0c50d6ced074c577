// Package run reads and writes run folders. A run folder holds everything about the models of one pipeline:
//
//	manifest.json                    the last commit: size and checksum of each file, length of the log
//	config.json                      settings in sections: of each model, of its training, of the data
//	<model>.safetensors              the weights to use
//	<model>.state.safetensors        what a training needs to resume
//	<model>.loss.png                 plot of the loss
//	metrics.jsonl                    figures of the trainings, a line for each logged step
//	events/<model>/                  the same for TensorBoard
//	samples/<model>-step-000500.png  samples of the model during its training
//
// The manifest is the one commit point, see [Commit]: a process that is killed at any moment leaves what was committed last.
// The next process that locks the folder removes what is left of a commit that didn't happen. Readers need no lock. A run
// of an older program has no manifest; it gets one with its next commit.
//
// Errors that callers may tell apart are those of package fault: Missing for a model that a run lacks, DamagedFile for a
// file that is not what it should be.
package run

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

const (
	configName  = "config.json"
	samplesName = "samples"
	plotSuffix  = ".loss.png"
)

// Largest sizes of files that are read as a whole, in bytes.
const (
	maxSettings = 64 << 20
	maxLog      = 1 << 30
)

// Run is a run folder. It holds nothing but the path: each method reads the files anew.
type Run struct{ dir string }

// Create makes a run folder at dir, with the folders above it. An existing run is opened, because the models of a pipeline
// share one. A folder that holds anything else is an error.
func Create(dir string) (*Run, error) {
	r := &Run{dir}
	if exists(r.Path(configName)) {
		return Open(dir)
	}
	if err := check(dir); err != nil {
		return nil, err
	}
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("%s: can't be made a run folder (%w); choose a folder that you may write to", dir, cause(err))
	}
	if exists(r.Path(manifestName)) { // of a run whose files were deleted
		if err := atomicfile.Remove(r.Path(manifestName)); err != nil {
			return nil, atomicfile.Explain(r.Path(manifestName), err)
		}
	}
	text, err := r.encodeConfig(config{})
	if err != nil {
		return nil, err
	}
	return r, atomicfile.WriteBytes(r.Path(configName), text)
}

// Check returns the error that [Create] would return for dir, or [Run.CheckNew] for the model. It writes nothing; a command
// calls it before long work.
func Check(dir, model string) error {
	return cmp.Or(check(dir), (&Run{dir}).CheckNew(model))
}

// CheckTraining is Check with [Run.CheckStart].
func CheckTraining(dir, model string) error {
	return cmp.Or(check(dir), (&Run{dir}).CheckStart(model))
}

func check(dir string) error {
	r := &Run{dir}
	if exists(r.Path(configName)) {
		_, err := r.readConfig()
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: can't be made a run folder (%w); choose another folder", dir, cause(err))
	}
	for _, e := range entries {
		// A killed process may have left its temporary files and the lock; a manifest alone says nothing.
		if !strings.HasPrefix(e.Name(), ".") && e.Name() != manifestName {
			return fmt.Errorf("%s: holds %s and is no run folder; choose a new or an empty folder", dir, e.Name())
		}
	}
	return nil
}

// InTraining is the error for a new training of a model that the run has already: it can be resumed.
type InTraining struct {
	Run, Model string
	State      bool // there is a checkpoint beside the weights
}

// Error implements error.
func (e *InTraining) Error() string {
	if !e.State {
		return fmt.Sprintf("%s: holds a trained %s already; resume it to train these weights further, choose another folder, or move %s to another folder",
			e.Run, e.Model, e.Model+weightsSuffix)
	}
	return fmt.Sprintf("%s: holds a training of %s already; resume it, choose another folder, or move %s and %s to another folder",
		e.Run, e.Model, e.Model+stateSuffix, e.Model+weightsSuffix)
}

// CheckNew returns an [*InTraining] if the run has the model already, which a new one would overwrite.
func (r *Run) CheckNew(model string) error {
	switch {
	case r.HasState(model):
		return &InTraining{r.dir, model, true}
	case r.HasWeights(model):
		return &InTraining{r.dir, model, false}
	}
	return nil
}

// CheckStart is CheckNew for a training. It allows a model that is [Run.Unfinished].
func (r *Run) CheckStart(model string) error {
	if r.Unfinished(model) {
		return nil
	}
	return r.CheckNew(model)
}

// Open opens an existing run folder.
func Open(dir string) (*Run, error) {
	r := &Run{dir}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s: is a file, not a run folder; name the folder", dir)
	}
	_, err := r.readConfig()
	if err != nil {
		return nil, err
	}
	return r, nil
}

// ValidName reports whether a model may have a name: letters, digits, hyphens and underscores, as it names files.
func ValidName(model string) bool {
	for _, r := range model {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return false
		}
	}
	return model != ""
}

// Dir returns the path of the folder.
func (r *Run) Dir() string { return r.dir }

// Path returns the path of a file in the folder.
func (r *Run) Path(elem ...string) string { return filepath.Join(append([]string{r.dir}, elem...)...) }

// WeightsPath returns the path of a model's weights.
func (r *Run) WeightsPath(model string) string { return r.Path(model + weightsSuffix) }

// StatePath returns the path of what a model's training needs to resume.
func (r *Run) StatePath(model string) string { return r.Path(model + stateSuffix) }

// LossPlot returns the path of a model's loss plot.
func (r *Run) LossPlot(model string) string { return r.Path(model + plotSuffix) }

// EventsDir returns the folder of a model's TensorBoard events. Each model has its own, because a folder is a run for
// TensorBoard, and a resumed training discards later events, but only its own.
func (r *Run) EventsDir(model string) string { return r.Path("events", model) }

// SamplePath returns the path of a model's samples at a step. It makes the folder.
func (r *Run) SamplePath(model string, step int) (string, error) {
	if err := os.MkdirAll(r.Path(samplesName), 0o777); err != nil {
		return "", fmt.Errorf("%s: can't be made (%w); choose a run folder that you may write to", r.Path(samplesName), cause(err))
	}
	return r.Path(samplesName, fmt.Sprintf("%s-step-%06d.png", model, step)), nil
}

// Models lists the models that have weights here, sorted.
func (r *Run) Models() []string {
	entries, _ := os.ReadDir(r.dir) // a folder that can't be read has no models
	var models []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(strings.TrimSuffix(e.Name(), nextSuffix), weightsSuffix)
		// The name of a state or a temporary file has a dot.
		if ok && !strings.Contains(name, ".") && !slices.Contains(models, name) && r.HasWeights(name) {
			models = append(models, name)
		}
	}
	return models
}

// First returns the first of models that the run has, trained or in training; "" if it has none of them.
func (r *Run) First(models []string) string {
	for _, model := range models {
		if r.HasState(model) || r.HasWeights(model) {
			return model
		}
	}
	return ""
}

// HasWeights reports whether there are weights of the model.
func (r *Run) HasWeights(model string) bool { return r.has(model + weightsSuffix) }

// HasState reports whether there is a training of the model to resume.
func (r *Run) HasState(model string) bool { return r.has(model + stateSuffix) }

// has reports whether there is a file or its committed next content.
func (r *Run) has(name string) bool {
	if exists(r.Path(name)) {
		return true
	}
	if !exists(nextPath(r.Path(name))) {
		return exists(r.Path(name)) // it may have been renamed in the meantime
	}
	m, err := r.readManifest()
	if err != nil || m == nil {
		return false
	}
	path, _ := r.locate(m, name)
	return exists(path)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// cause returns the error of the system without the path, which the message has already.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
