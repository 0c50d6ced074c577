package train

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Verification is what [Verify] finds in a run folder.
type Verification struct {
	Generation int      // commits of the run; 0: an older program wrote it
	Files      int      // files that were read whole
	Problems   []string // what is damaged or lost, in sentences; none: the run is whole
	Notes      []string // what a killed process has left and the next training cleans up, without loss
}

// Verify reads all files of a run folder and compares them with what was saved last and with their own checksums. It
// changes nothing. The error is that of a folder that is no run folder.
func Verify(dir string) (*Verification, error) {
	report, err := run.Verify(dir)
	if err != nil {
		return nil, err
	}
	return &Verification{report.Generation, report.Files, report.Problems, report.Notes}, nil
}

// Accept makes the files of a run folder, as they are, the saved ones, after a change that was made on purpose. It returns
// the names of the files that were changed. It first opens the tokenizer and the models of the kinds that are registered. A
// file that can't be used or that contradicts its own checksum is an error, and nothing is accepted.
func Accept(dir string) (changed []string, err error) {
	return run.Accept(dir, func() error { return tryModels(dir) })
}

// tryModels opens each model of a run folder.
func tryModels(dir string) error {
	names, err := models.Trained(dir)
	if err != nil {
		return err
	}
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		return err
	}
	defer d.Close()
	for _, name := range names {
		if _, err := models.Open(dir, name, d); err != nil {
			return fmt.Errorf("nothing is accepted: %w", err)
		}
	}
	return tryStates(dir)
}

// tryStates reads the position of each training of a run folder.
func tryStates(dir string) error {
	r, err := run.Open(dir)
	if err != nil {
		return err
	}
	for _, kind := range models.All() {
		if !r.HasState(kind.Name) {
			continue
		}
		f, err := r.LoadState(kind.Name)
		if err == nil {
			_, err = placeOf(f)
		}
		if err != nil {
			return fmt.Errorf("nothing is accepted: %w", err)
		}
	}
	return nil
}
