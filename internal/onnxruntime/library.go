// Package onnxruntime runs ONNX files in ONNX Runtime (https://onnxruntime.ai), a shared library that is opened while the program runs,
// without cgo. It has the calls that take arrays to a graph and results back, of the C API (onnxruntime_c_api.h).
package onnxruntime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/dynamic"
)

// Library is the environment variable that names the file of the library, or a folder with it, where none is given.
const Library = "BESTIARY_ONNXRUNTIME"

// apiVersion is the version of the C API that is asked for: that of ONNX Runtime 1.16. Later libraries have it too, as functions are only
// added at the end of the table.
const apiVersion = 16

// function is the place of a function in the table OrtApi.
type function int

// The functions that are used, by their place. Those of version 1 of the API have not moved since.
const (
	getErrorMessage                function = 2
	createEnv                      function = 3
	createSessionFromArray         function = 8
	run                            function = 9
	createSessionOptions           function = 10
	setIntraOpNumThreads           function = 24
	sessionGetInputCount           function = 30
	sessionGetOutputCount          function = 31
	sessionGetInputName            function = 36
	sessionGetOutputName           function = 37
	createTensorWithDataAsOrtValue function = 49
	getTensorMutableData           function = 51
	getTensorElementType           function = 60
	getDimensionsCount             function = 61
	getDimensions                  function = 62
	getTensorTypeAndShape          function = 65
	createCPUMemoryInfo            function = 69
	allocatorFree                  function = 76
	getAllocatorWithDefaultOptions function = 78
	releaseEnv                     function = 92
	releaseStatus                  function = 93
	releaseMemoryInfo              function = 94
	releaseSession                 function = 95
	releaseValue                   function = 96
	releaseTensorTypeAndShapeInfo  function = 99
	releaseSessionOptions          function = 100
	tableSize                      function = 101
)

// library is an opened library.
type library struct {
	version string
	table   *[tableSize]uintptr // of functions; C memory
}

// fileNames are what is looked for at the loader's path.
var fileNames = []string{"libonnxruntime.so", "libonnxruntime.so.1"}

// openLibrary opens the library at a path; "": the file that the environment variable names, or the first at the loader's path. The path may
// be a folder: that of the library, or one with Python's package onnxruntime.
func openLibrary(path string) (*library, error) {
	if path == "" {
		path = os.Getenv(Library)
	}
	files := fileNames
	if path != "" {
		files = []string{path}
		if info, err := os.Stat(path); err == nil && info.IsDir() { // #nosec G703 -- the user names the library, with a flag or in the environment
			files = nil
			for _, pattern := range []string{"libonnxruntime.so*", "capi/libonnxruntime.so*", "onnxruntime/capi/libonnxruntime.so*"} {
				found, _ := filepath.Glob(filepath.Join(path, pattern)) // the pattern is correct
				files = append(files, found...)
			}
		}
	}
	for _, file := range files {
		handle, err := dynamic.Open(file)
		switch {
		case err == nil:
			return newLibrary(handle, file)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("can't open the library of ONNX Runtime %s: %w", file, err)
		}
	}
	if path != "" {
		return nil, fmt.Errorf("%s: there is no library of ONNX Runtime; name its file, such as libonnxruntime.so.1.32.0 in the folder onnxruntime/capi of Python's package", path)
	}
	return nil, fmt.Errorf("no library of ONNX Runtime is at the loader's path (%s); install it, for example by \"pip install onnxruntime\", and name its file", strings.Join(fileNames, ", "))
}

// newLibrary asks a library for the table of its functions.
func newLibrary(handle uintptr, file string) (*library, error) {
	base, err := dynamic.Symbol(handle, "OrtGetApiBase")
	if err != nil {
		return nil, fmt.Errorf("%s: is no library of ONNX Runtime, as it has no OrtGetApiBase; name another", file)
	}
	functions := (*[2]uintptr)(pointer(dynamic.Call(base))) // GetApi, GetVersionString
	l := &library{version: dynamic.Text(dynamic.Call(functions[1]))}
	l.table = (*[tableSize]uintptr)(pointer(dynamic.Call(functions[0], apiVersion)))
	if l.table == nil {
		return nil, fmt.Errorf("%s: is ONNX Runtime %s, which is too old; install 1.16 or later", file, l.version)
	}
	return l, nil
}

// pointer returns the pointer to C memory, which the garbage collector doesn't move.
func pointer(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }

// call calls a function that returns a status, and returns its error in the library's words. What arguments point to stays in place during
// the call.
//
//go:uintptrescapes
func (l *library) call(f function, args ...uintptr) error {
	status := dynamic.Call(l.table[f], args...)
	if status == 0 {
		return nil
	}
	text := dynamic.Text(dynamic.Call(l.table[getErrorMessage], status))
	dynamic.Call(l.table[releaseStatus], status)
	return fmt.Errorf("ONNX Runtime %s: %s", l.version, strings.TrimSuffix(strings.Join(strings.Fields(text), " "), "."))
}

// release gives an object of the library back.
func (l *library) release(f function, object uintptr) {
	if object != 0 {
		dynamic.Call(l.table[f], object)
	}
}

// cText returns bytes that end in zero, as C has them.
func cText(s string) []byte { return append([]byte(s), 0) }
