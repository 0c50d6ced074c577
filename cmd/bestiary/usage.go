package main

import (
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
)

// usageError is a mistake on the command line, with exit code 2.
type usageError struct{ err error }

// Error implements error.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns the error that is a mistake on the command line.
func (e *usageError) Unwrap() error { return e.err }

// usagef returns a mistake on the command line, with a text as [fmt.Errorf] makes it.
func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// isUsage reports whether an error is wrong usage, with exit code 2: a mistake on the command line, or a value that a
// library doesn't allow. Data that is not as it should be is not.
func isUsage(err error) bool {
	var wrong *usageError
	var field *fault.FieldError
	return errors.As(err, &wrong) || errors.As(err, &field) && field.Field != "Data"
}
