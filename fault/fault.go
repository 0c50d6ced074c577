// Package fault has the errors of this module that a caller may want to tell apart.
//
//	FieldError    an option, a setting or an argument has a value that is not allowed
//	Missing       a run folder lacks a model
//	DamagedFile   a file is not what it should be
//	OutOfMemory   the memory of a device is not enough
//	DeviceError   a GPU or its driver failed
//
// Two more live beside what raises them: flows.ErrNotInvertible and train.Interrupted. Test for all of them with
// errors.Is or errors.As; their texts are one sentence, with the remedy, and may change.
package fault

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/printable"
)

// FieldError says that the value of a field is not allowed. The libraries speak of fields by their names in Go; the
// command line shows the flag in their place.
type FieldError struct {
	Field string // as in Go: "Batch"
	Value any    // that it has; nil leaves it out of the text
	Want  string // what it must be, and the remedy: "must be 1 or more"; other fields by their names in Go
}

// Field returns a [*FieldError]. want is a format for args.
func Field(field string, value any, want string, args ...any) error {
	return &FieldError{Field: field, Value: value, Want: fmt.Sprintf(want, args...)}
}

// Error implements error: "Batch 0: must be 1 or more".
func (e *FieldError) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("%s: %s", e.Field, e.Want)
	}
	if fmt.Sprint(e.Value) == "" {
		return fmt.Sprintf(`%s "": %s`, e.Field, e.Want)
	}
	return fmt.Sprintf("%s %v: %s", e.Field, e.Value, e.Want)
}

// Missing says that a run folder has no trained model of the kind that is needed.
type Missing struct {
	Run   string   // path of the folder; "" for a pipeline in memory
	Model string   // that is needed: "flow"
	There []string // models that are there
}

// Error implements error.
func (e *Missing) Error() string {
	there := "no models yet"
	for i, name := range e.There {
		if i == 0 {
			there = name
		} else {
			there += " and " + name
		}
	}
	run := e.Run
	if run == "" {
		run = "this pipeline"
	}
	return fmt.Sprintf("%s: has no trained %s (it has %s); train one first", run, e.Model, there)
}

// DamagedFile says that a file is cut off, altered, or not of the kind that its name promises.
type DamagedFile struct {
	Path    string
	Problem string // with the remedy: "ends after 10 of 80 bytes; restore it from a copy"
}

// Damaged returns a [*DamagedFile]. problem is a format for args.
func Damaged(path, problem string, args ...any) error {
	return &DamagedFile{Path: path, Problem: fmt.Sprintf(problem, args...)}
}

// Error implements error.
func (e *DamagedFile) Error() string {
	return printable.Text(e.Path) + ": " + printable.Text(e.Problem)
}
