// Package pages has memory that goes back to the system, and comes again at the same addresses.
package pages

import "errors"

// ErrUnsupported says that this system has no such memory here.
var ErrUnsupported = errors.New("memory can't be given back at fixed addresses on this system")
