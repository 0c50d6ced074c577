package boxes

import (
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
)

// noSplit returns the error for a dataset that lacks o.Split, for which [NoSplit] is true.
func noSplit(o Options, reason string, args ...any) error {
	return fault.Field("Split", o.Split, "not available, as %s; use all, or another split", fmt.Sprintf(reason, args...))
}

// NoSplit reports whether an error of [Open] says that the dataset lacks the split of the options. Other splits can then be tried.
func NoSplit(err error) bool {
	var wrong *fault.FieldError
	return errors.As(err, &wrong) && wrong.Field == "Split"
}
