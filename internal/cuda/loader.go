//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"github.com/bestiary-ml/bestiary/internal/dynamic"
	"github.com/ebitengine/purego"
)

func openLibrary(path string) (uintptr, error)                 { return dynamic.Open(path) }
func findSymbol(library uintptr, name string) (uintptr, error) { return dynamic.Symbol(library, name) }
func fileOf(function uintptr, asked string) string             { return dynamic.FileOf(function, asked) }

// invoke calls a C function with integer and pointer arguments. It is [dynamic.Call] without its second call, since a launch
// takes microseconds.
//
//go:uintptrescapes
func invoke(f uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(f, args...)
	return r
}
