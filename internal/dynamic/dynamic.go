//go:build linux && (amd64 || arm64)

// Package dynamic opens shared libraries while the program runs, without cgo.
package dynamic

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/ebitengine/purego"
)

// Open opens a shared library at a path or, for a bare name, at the loader's path. Libraries that are opened later see its
// symbols. The error is fs.ErrNotExist if there is no such file.
func Open(path string) (uintptr, error) {
	runtime.LockOSThread() // the loader's last error belongs to a thread
	defer runtime.UnlockOSThread()
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	// The name distinguishes this from a library that exists but depends on a missing one.
	if err != nil && strings.HasPrefix(err.Error(), path+": cannot open shared object file: No such file") {
		return 0, fs.ErrNotExist
	}
	return library, err
}

// Symbol returns the address of a function or an object of a library.
func Symbol(library uintptr, name string) (uintptr, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return purego.Dlsym(library, name)
}

// FileOf returns the file of a library with the given function, whose name usually ends with the version; asked if that can't
// be found.
func FileOf(function uintptr, asked string) string {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return asked
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x", &from, &to); n != 2 || function < from || function >= to {
			continue
		}
		if at := strings.IndexByte(line, '/'); at >= 0 {
			return strings.TrimSuffix(line[at:], "\n")
		}
	}
	return asked
}

// Call calls a C function with integer and pointer arguments. What pointers lead to must be on the heap if the library keeps
// them after the call.
//
//go:uintptrescapes
func Call(f uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(f, args...)
	return r
}
