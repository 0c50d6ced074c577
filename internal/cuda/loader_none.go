//go:build !linux || !(amd64 || arm64) || nocuda

package cuda

import "errors"

var errNoLibraries = errors.New("shared libraries are not supported here")

// openLibrary and findSymbol are never called: without a driver there is no device.
func openLibrary(string) (uintptr, error)         { return 0, errNoLibraries }
func findSymbol(uintptr, string) (uintptr, error) { return 0, errNoLibraries }

// fileOf is never called.
func fileOf(_ uintptr, asked string) string { return asked }

// invoke is never called.
func invoke(uintptr, ...uintptr) uintptr { panic("cuda: no driver") }
