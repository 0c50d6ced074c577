//go:build !linux || !(amd64 || arm64) || nocuda

package cuda

import "errors"

var errNoLibraries = errors.New("no shared libraries here")

// openLibrary and findSymbol are never reached: no device asks for a library without a driver.
func openLibrary(string) (uintptr, error)         { return 0, errNoLibraries }
func findSymbol(uintptr, string) (uintptr, error) { return 0, errNoLibraries }

// fileOf is never reached either.
func fileOf(_ uintptr, asked string) string { return asked }

// invoke neither.
func invoke(uintptr, ...uintptr) uintptr { panic("cuda: no driver") }
