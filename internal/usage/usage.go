// Package usage tells mistakes in what was asked for from failures: a program that ends with one or the other has different
// exit codes for them.
package usage

import "fmt"

// Error is a mistake in what was asked for: an option that can't be, or not with this data or model. What isn't there or
// can't be read is none.
type Error struct{ err error }

func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns the error as it was before it was found to be a mistake.
func (e *Error) Unwrap() error { return e.err }

// Errorf is [fmt.Errorf] for mistakes.
func Errorf(format string, args ...any) error { return &Error{fmt.Errorf(format, args...)} }

// Mistake makes err a mistake; nil stays nil.
func Mistake(err error) error {
	if err == nil {
		return nil
	}
	return &Error{err}
}
