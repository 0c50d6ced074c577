//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import "github.com/ebitengine/purego"

// openLibrary opens a shared library, with its symbols for those opened later.
func openLibrary(path string) (uintptr, error) {
	return purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
}

func findSymbol(library uintptr, name string) (uintptr, error) { return purego.Dlsym(library, name) }
