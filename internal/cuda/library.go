//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// driverPaths are the paths that are tried for libcuda: the loader's path, then other places where drivers are installed.
func driverPaths() []string {
	return []string{
		"libcuda.so.1",
		"/usr/lib/wsl/lib/libcuda.so.1",
		"/usr/local/nvidia/lib64/libcuda.so.1",
		"/run/opengl-driver/lib/libcuda.so.1",
	}
}

// openDriver opens the first libcuda that can be used. If there is none, the error is that of the first one found.
func openDriver() (*driver, error) {
	var unusable error
	where := []string{"the loader's path"}
	for i, path := range driverPaths() {
		if i > 0 {
			where = append(where, filepath.Dir(path))
		}
		d, err := openDriverAt(path)
		if err == nil {
			return d, nil
		}
		if unusable == nil && !errors.Is(err, fs.ErrNotExist) {
			unusable = err
		}
	}
	if unusable != nil {
		return nil, unusable
	}
	return nil, absent("no NVIDIA driver (libcuda.so.1) in " + strings.Join(where, ", "))
}

// openDriverAt opens libcuda at a path or, for a bare name, at the loader's path.
func openDriverAt(path string) (*driver, error) {
	library, err := openLibrary(path)
	if err != nil {
		return nil, fmt.Errorf("can't open the NVIDIA driver at %s: %w", path, err)
	}
	d := &driver{path: path}
	for s := range d.functions {
		d.functions[s], err = findSymbol(library, symbolNames[s])
		switch {
		case symbol(s) == cuInit && err != nil:
			return nil, fmt.Errorf("%s is not the NVIDIA driver, it has no cuInit; remove it, or name the driver's folder in LD_LIBRARY_PATH", path)
		case symbol(s) == cuInit:
			d.path = fileOf(d.functions[s], path)
		case err != nil && !symbol(s).optional():
			return nil, fmt.Errorf("the NVIDIA driver at %s has no %s: it is older than CUDA 12; update the driver", d.path, symbolNames[s])
		}
	}
	return d, nil
}
