//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ebitengine/purego"
)

// driverPaths are where libcuda is looked for: where the loader looks, then where drivers put it beside that.
func driverPaths() []string {
	return []string{
		"libcuda.so.1",
		"/usr/lib/wsl/lib/libcuda.so.1",
		"/usr/local/nvidia/lib64/libcuda.so.1",
		"/run/opengl-driver/lib/libcuda.so.1",
	}
}

// openDriver finds libcuda and its functions.
func openDriver() (*driver, error) {
	runtime.LockOSThread() // the loader keeps its last error for each thread
	defer runtime.UnlockOSThread()
	var looked []string
	for _, path := range driverPaths() {
		library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			if !strings.Contains(err.Error(), "No such file") && !strings.Contains(err.Error(), "cannot open shared object") {
				return nil, fmt.Errorf("the NVIDIA driver at %s can't be opened: %w", path, err)
			}
			looked = append(looked, path)
			continue
		}
		d := &driver{path: path}
		for s := range d.functions {
			if d.functions[s], err = purego.Dlsym(library, symbolNames[s]); err != nil && !symbol(s).forGraphs() {
				return nil, fmt.Errorf("the NVIDIA driver at %s has no %s: it is older than CUDA 12; update the driver", path, symbolNames[s])
			}
		}
		return d, nil
	}
	where := []string{"the loader's path"}
	for _, path := range looked[1:] {
		where = append(where, filepath.Dir(path))
	}
	return nil, fmt.Errorf("%w in %s", errNoDriver, strings.Join(where, ", "))
}

// invoke calls a C function with integers and pointers for arguments.
//
//go:uintptrescapes
func invoke(f uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(f, args...)
	return r
}
