package train

import "github.com/bestiary-ml/bestiary/internal/run"

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
// the names of the files that were changed. A file that contradicts its own checksum is an error.
func Accept(dir string) (changed []string, err error) { return run.Accept(dir) }
