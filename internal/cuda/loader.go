//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/ebitengine/purego"
)

// openLibrary opens a shared library, with its symbols for those opened later. Where there is none of that name, which is
// a path or one to look for where the loader looks, the error is fs.ErrNotExist.
func openLibrary(path string) (uintptr, error) {
	runtime.LockOSThread() // the loader keeps its last error for each thread
	defer runtime.UnlockOSThread()
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	// The name tells this from a library that is there and needs another that isn't.
	if err != nil && strings.HasPrefix(err.Error(), path+": cannot open shared object file: No such file") {
		return 0, fs.ErrNotExist
	}
	return library, err
}

func findSymbol(library uintptr, name string) (uintptr, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return purego.Dlsym(library, name)
}

// fileOf is the file that a function of a library is from, whose name ends with the library's version where that is
// installed as usual; otherwise what was asked for.
func fileOf(function uintptr, asked string) string {
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

// invoke calls a C function with integers and pointers for arguments.
//
//go:uintptrescapes
func invoke(f uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(f, args...)
	return r
}
