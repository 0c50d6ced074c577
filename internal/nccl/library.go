package nccl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/dynamic"
)

// function is one of those of NCCL that are used.
type function int

const (
	getVersion function = iota
	getErrorString
	getUniqueID
	commInitRank
	commGetAsyncError
	commAbort
	commDestroy
	allReduce
	reduceScatter
	allGather
	broadcast
	send
	receive
	groupStart
	groupEnd
	getLastError       // from NCCL 2.13 on
	commInitRankConfig // from NCCL 2.14 on
	commFinalize       // from NCCL 2.14 on
	functions
)

// ncclCommInitRankScalable (2.23) isn't used. It spreads the start over several ids, which saves time with thousands of ranks;
// with one id it does what ncclCommInitRankConfig does.
var functionNames = [functions]string{
	"ncclGetVersion", "ncclGetErrorString", "ncclGetUniqueId", "ncclCommInitRank", "ncclCommGetAsyncError", "ncclCommAbort", "ncclCommDestroy",
	"ncclAllReduce", "ncclReduceScatter", "ncclAllGather", "ncclBroadcast", "ncclSend", "ncclRecv", "ncclGroupStart", "ncclGroupEnd",
	"ncclGetLastError", "ncclCommInitRankConfig", "ncclCommFinalize",
}

// optional reports whether a library may lack the function.
func (f function) optional() bool { return f >= getLastError }

// Values of ncclResult_t.
const (
	success    = 0
	inProgress = 7
)

// Library is an opened NCCL.
type Library struct {
	path      string
	version   version
	functions [functions]uintptr // 0: the library lacks it
}

// version is that of ncclGetVersion.
type version int32

// oldest is the oldest version that is used, the first with bfloat16.
const oldest version = 21000

func (v version) String() string {
	thousands := version(10000)
	if v < thousands { // up to 2.8
		thousands = 1000
	}
	return fmt.Sprintf("%d.%d.%d", v/thousands, v%thousands/100, v%100)
}

// Variable names the file of a library that is used instead of those that are looked for.
const Variable = "BESTIARY_NCCL"

// files are the names that are looked for at the loader's path.
var files = []string{"libnccl.so.2", "libnccl.so"}

// Open opens the library that BESTIARY_NCCL names, or the first one at the loader's path. The error says what was looked for.
func Open() (*Library, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	if path := os.Getenv(Variable); path != "" {
		l, err := openFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s names %s, and there is no such library; correct it, or unset the variable", Variable, path)
		}
		return l, err
	}
	for _, name := range files {
		if l, err := openFile(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return l, err
		}
	}
	return nil, fmt.Errorf("no NCCL is at the loader's path (%s); install libnccl2 or pip's nvidia-nccl-cu12, and name the library's file in %s if it is elsewhere",
		strings.Join(files, ", "), Variable)
}

// Version returns the library's version, and its file.
func (l *Library) Version() (number, path string) { return l.version.String(), l.path }

// openFile opens a library at a path or, for a bare name, at the loader's path.
func openFile(path string) (*Library, error) {
	handle, err := dynamic.Open(path)
	if err != nil {
		return nil, fmt.Errorf("can't open NCCL at %s: %w", path, err)
	}
	l := &Library{path: path}
	for f, name := range functionNames {
		if l.functions[f], err = dynamic.Symbol(handle, name); err != nil && !function(f).optional() {
			return nil, fmt.Errorf("%s is no NCCL of version %v or later, as it has no %s; install a newer one, or name another in %s", path, oldest, name, Variable)
		}
	}
	l.path = dynamic.FileOf(l.functions[getVersion], path)
	number := new(int32)
	if code := l.call(getVersion, uintptr(unsafe.Pointer(number))); code != success {
		return nil, fmt.Errorf("NCCL at %s doesn't say its version (error %d); name another library in %s", l.path, code, Variable)
	}
	if l.version = version(*number); l.version < oldest {
		return nil, fmt.Errorf("NCCL at %s has the version %v; install %v or later, or name another in %s", l.path, l.version, oldest, Variable)
	}
	return l, nil
}

// has reports whether the library has a function.
func (l *Library) has(f function) bool { return l.functions[f] != 0 }

// call calls a function and returns its ncclResult_t.
//
//go:uintptrescapes
func (l *Library) call(f function, args ...uintptr) int32 {
	return int32(dynamic.Call(l.functions[f], args...)) // #nosec G115 -- a C enum
}

// check calls a function and returns its error in NCCL's words. A call that is in progress is no error.
//
//go:uintptrescapes
func (l *Library) check(f function, args ...uintptr) error {
	return l.failure(functionNames[f], l.call(f, args...))
}

// failure returns a result as an error; nil for success, and for a call that is in progress.
func (l *Library) failure(what string, code int32) error {
	if code == success || code == inProgress {
		return nil
	}
	text := dynamic.Text(dynamic.Call(l.functions[getErrorString], uintptr(code)))
	if l.has(getLastError) { // more precise, but it may be about an earlier failure
		if last := strings.TrimSpace(dynamic.Text(dynamic.Call(l.functions[getLastError], 0))); last != "" {
			text += "; its last message is: " + strings.ReplaceAll(last, "\n", " ")
		}
	}
	return fmt.Errorf("%s failed: %s (error %d of NCCL %v)", what, text, code, l.version)
}
