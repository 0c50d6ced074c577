package mpi

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/dynamic"
)

// function is one of those of MPI that are used.
type function int

const (
	getLibraryVersion function = iota
	initThread
	finalize
	abort
	commRank
	commSize
	commSplitType
	commSetErrhandler
	commFree
	errorString
	iAllreduce
	iAlltoall
	iAllgather
	iBcast
	iBarrier
	iSend
	receive
	iProbe
	test
	functions
)

var functionNames = [functions]string{
	"MPI_Get_library_version", "MPI_Init_thread", "MPI_Finalize", "MPI_Abort", "MPI_Comm_rank", "MPI_Comm_size", "MPI_Comm_split_type",
	"MPI_Comm_set_errhandler", "MPI_Comm_free", "MPI_Error_string", "MPI_Iallreduce", "MPI_Ialltoall", "MPI_Iallgather",
	"MPI_Ibcast", "MPI_Ibarrier", "MPI_Isend", "MPI_Recv", "MPI_Iprobe", "MPI_Test",
}

// library is an opened library of MPI.
type library struct {
	abi
	path      string
	version   string // what it says of itself, one line
	functions [functions]uintptr
}

// Library names the file of a library that is used instead of those that are looked for.
const Library = "BESTIARY_MPI"

// files are the names that are looked for. A program must use the library of its launcher, so the launcher's come first.
func files(launcher string) []string {
	open, mpich := []string{"libmpi.so.40", "libmpi.so.80"}, []string{"libmpich.so.12", "libmpi.so.12", "libmpi_cray.so.12"}
	last := []string{"libmpi.so", "libmpich.so"}
	standard := []string{"libmpi_abi.so.0", "libmpi_abi.so"}
	switch launcher {
	case "Open MPI":
		return append(append(open, standard...), last...)
	case "MPICH":
		return append(append(mpich, standard...), last...)
	}
	return append(append(append(standard, open...), mpich...), last...)
}

// openLibrary opens the first library that can be used. The error says what was looked for.
func openLibrary(launcher string) (*library, error) {
	if path := os.Getenv(Library); path != "" {
		l, err := openFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s names %s, and there is no such library; correct it, or unset the variable", Library, path)
		}
		return l, err
	}
	var unusable error
	names := files(launcher)
	for _, name := range names {
		l, err := openFile(name)
		if err == nil {
			return l, nil
		}
		if unusable == nil && !errors.Is(err, fs.ErrNotExist) {
			unusable = err
		}
	}
	if unusable != nil {
		return nil, unusable
	}
	return nil, fmt.Errorf("no MPI library is at the loader's path (%s); install Open MPI or MPICH, or name the library's file in %s", strings.Join(names, ", "), Library)
}

// Find returns what the library says of itself that [Open] would use for a launcher, and its file. It starts nothing.
func Find(launcher string) (version, path string, err error) {
	l, err := openLibrary(launcher)
	if err != nil {
		return "", "", err
	}
	return l.version, l.path, nil
}

// openFile opens a library at a path or, for a bare name, at the loader's path.
func openFile(path string) (*library, error) {
	handle, err := dynamic.Open(path)
	if err != nil {
		return nil, fmt.Errorf("can't open the MPI library %s: %w", path, err)
	}
	l := &library{path: path}
	for f, name := range functionNames {
		if l.functions[f], err = dynamic.Symbol(handle, name); err != nil {
			return nil, fmt.Errorf("%s is no library of MPI 3 or later, as it has no %s; install a newer one, or name another in %s", path, name, Library)
		}
	}
	l.path = dynamic.FileOf(l.functions[initThread], path)
	text, length := make([]byte, 8192), new(int32)
	if code := l.call(getLibraryVersion, uintptr(unsafe.Pointer(&text[0])), uintptr(unsafe.Pointer(length))); code != 0 {
		return nil, fmt.Errorf("%s doesn't say its version (error %d); name another library in %s", l.path, code, Library)
	}
	l.version, _, _ = strings.Cut(strings.TrimSpace(string(text[:max(0, min(int(*length), len(text)))])), "\n")
	l.version = strings.Join(strings.Fields(strings.TrimRight(l.version, "\x00")), " ") // MPICH's has tabs
	_, err = dynamic.Symbol(handle, "MPI_Abi_get_version")
	if l.abi, err = abiOf(handle, l.version, err == nil && strings.Contains(l.path, "libmpi_abi")); err != nil {
		return nil, fmt.Errorf("the MPI library %s can't be used: %w; name another in %s", l.path, err, Library)
	}
	return l, nil
}

// call calls a function and returns its code, 0 for success.
//
//go:uintptrescapes
func (l *library) call(f function, args ...uintptr) int32 {
	return int32(dynamic.Call(l.functions[f], args...)) // #nosec G115 -- a C int
}

// check calls a function and returns its error in the library's words.
//
//go:uintptrescapes
func (l *library) check(f function, args ...uintptr) error {
	code := l.call(f, args...)
	if code == 0 {
		return nil
	}
	text, length := make([]byte, 8192), new(int32)
	message := "no text"
	if l.call(errorString, uintptr(code), uintptr(unsafe.Pointer(&text[0])), uintptr(unsafe.Pointer(length))) == 0 { // #nosec G115 -- a C int
		message = strings.TrimSpace(string(text[:max(0, min(int(*length), len(text)))]))
	}
	runtime.KeepAlive(args)
	return fmt.Errorf("%s failed: %s (error %d of %s)", functionNames[f], strings.ReplaceAll(message, "\n", " "), code, l.version)
}
