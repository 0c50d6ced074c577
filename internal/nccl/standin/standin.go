//go:build linux && (amd64 || arm64) && !nocuda

// Package standin builds a library that tests use in the place of NCCL. Its ranks really add up, through a file that all of them
// map; its "GPUs" are numbers, and "device memory" is the program's.
package standin

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/bestiary-ml/bestiary/internal/dynamic"
)

//go:embed source/standin.c
var source []byte

//go:embed source/ranks.h
var header []byte

// ErrNoCompiler says that there is no C compiler.
var ErrNoCompiler = errors.New("the stand-in for NCCL needs a C compiler")

// Build compiles the stand-in for an NCCL_VERSION_CODE, such as 23007, in a folder, and returns its path.
func Build(folder, version string) (path string, err error) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return "", ErrNoCompiler
	}
	for name, text := range map[string][]byte{"standin.c": source, "ranks.h": header} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return "", err
		}
	}
	path = filepath.Join(folder, version+".so")
	// Several stand-ins are open at once. Bsymbolic makes each call its own functions.
	c := exec.Command(compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared", "-pthread", "-Wl,-Bsymbolic",
		"-DNCCL_VERSION_CODE="+version, "-o", path, filepath.Join(folder, "standin.c"))
	if text, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, text)
	}
	return path, nil
}

// Controls are the functions that control an open stand-in.
type Controls struct{ handle uintptr }

// Control opens a stand-in. Ranks meet in files in a folder.
func Control(path, folder string) (Controls, error) {
	handle, err := dynamic.Open(path)
	if err != nil {
		return Controls{}, err
	}
	s := Controls{handle}
	name := append([]byte(folder), 0)
	s.Call("standin_folder", uintptr(unsafe.Pointer(&name[0])))
	runtime.KeepAlive(name)
	return s, nil
}

// Call calls a function of the stand-in.
//
//go:uintptrescapes
func (s Controls) Call(name string, args ...uintptr) uintptr {
	return dynamic.Call(s.Address(name), args...)
}

// Address returns that of a function of the stand-in.
func (s Controls) Address(name string) uintptr {
	f, err := dynamic.Symbol(s.handle, name)
	if err != nil {
		panic(err)
	}
	return f
}

// Set calls a function that takes a number.
func (s Controls) Set(name string, value int) int {
	return int(int32(s.Call(name, uintptr(value)))) // #nosec G115 -- a C int
}

// Fail makes a function of NCCL fail from now on; "" ends it.
func (s Controls) Fail(function string, code int) {
	name := append([]byte(function), 0)
	s.Call("standin_fail", uintptr(unsafe.Pointer(&name[0])), uintptr(code))
	runtime.KeepAlive(name)
}

// Queue makes the stand-in put its operations into streams of GPUs that are not its own: queue gets the number of the GPU, the stream,
// and what to run there.
func (s Controls) Queue(queue func(gpu int, stream uintptr, run func())) {
	run := s.Address("standin_run")
	s.Call("standin_queue", purego.NewCallback(func(gpu, stream, task uintptr) uintptr {
		queue(int(int32(gpu)), stream, func() { dynamic.Call(run, task) }) // #nosec G115 -- a C int
		return 0
	}))
}
