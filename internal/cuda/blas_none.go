//go:build !linux || !(amd64 || arm64) || nocuda

package cuda

import "errors"

// openLibrary and findSymbol are never reached: no device asks for a library without a driver.
func openLibrary(string) (uintptr, error)         { return 0, errors.New("no shared libraries here") }
func findSymbol(uintptr, string) (uintptr, error) { return 0, errors.New("no shared libraries here") }
