package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Op is one change of the file system. All changes to run folders go through this package, so a test can watch them,
// make them fail, or stop the process before any of them.
type Op struct {
	Kind OpKind
	Path string
	To   string // new name, of OpRename
	Data []byte // of OpWrite; valid until the hook returns
}

// OpKind is a kind of change.
type OpKind string

// The kinds of changes.
const (
	OpCreate  OpKind = "create"   // open a file; one that exists is cut to length 0 unless it is opened to append
	OpAppend  OpKind = "append"   // open a file to append; make it if there is none
	OpWrite   OpKind = "write"    // at the end of the file
	OpSync    OpKind = "sync"     // content of a file
	OpRename  OpKind = "rename"   // replaces To
	OpRemove  OpKind = "remove"   // a file
	OpMkdir   OpKind = "mkdir"    // a folder
	OpSyncDir OpKind = "sync dir" // entries of a folder
)

// Hook, if it is set, is called before each change. If it returns an error, the change is not made and fails with that
// error; with ErrSkip a sync is left out. Tests set it; it must not change while files are written.
var Hook func(Op) error

// ErrSkip lets [Hook] leave out syncs, which make a test slow.
var ErrSkip = errors.New("left out")

func before(op Op) error {
	if Hook == nil {
		return nil
	}
	return Hook(op)
}

// File is a file that is written from its start or its end.
type File struct{ f *os.File }

// Create makes a file or empties an existing one.
func Create(path string) (*File, error) {
	return open(OpCreate, path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
}

// Append opens a file to append to. It makes the file if there is none.
func Append(path string) (*File, error) {
	return open(OpAppend, path, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
}

func open(kind OpKind, path string, flags int) (*File, error) {
	if err := before(Op{Kind: kind, Path: path}); err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f, err := os.OpenFile(path, flags, 0o666)
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// Name returns the path.
func (f *File) Name() string { return f.f.Name() }

// Chmod sets the mode.
func (f *File) Chmod(mode fs.FileMode) error { return f.f.Chmod(mode) }

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) {
	if err := before(Op{Kind: OpWrite, Path: f.f.Name(), Data: p}); err != nil {
		return 0, &fs.PathError{Op: "write", Path: f.f.Name(), Err: err}
	}
	return f.f.Write(p)
}

// Sync makes the content durable.
func (f *File) Sync() error {
	err := before(Op{Kind: OpSync, Path: f.f.Name()})
	if err == ErrSkip {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "sync", Path: f.f.Name(), Err: err}
	}
	return f.f.Sync()
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// Rename gives a file another name in the same file system and replaces the file that has it. Only [SyncDir] makes it
// durable.
func Rename(from, to string) error {
	if err := before(Op{Kind: OpRename, Path: from, To: to}); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return os.Rename(from, to)
}

// Remove deletes a file.
func Remove(path string) error {
	if err := before(Op{Kind: OpRemove, Path: path}); err != nil {
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	return os.Remove(path)
}

// MkdirAll makes a folder and those above it that are missing, and syncs the folders that got a new entry.
func MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := before(Op{Kind: OpMkdir, Path: dir}); err != nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

// SyncDir makes the entries of a folder durable: new files and renames. Windows and some network file systems cannot sync
// a folder; there it does nothing.
func SyncDir(dir string) error {
	err := before(Op{Kind: OpSyncDir, Path: dir})
	if err != nil && err != ErrSkip {
		return &fs.PathError{Op: "sync", Path: dir, Err: err}
	}
	if err == ErrSkip || runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// Follow returns the target of a symbolic link, and any other path as it is.
func Follow(path string) string { return follow(path) }

// IsTemp reports whether a file name is that of a temporary file of [Write], and returns the name of its target.
func IsTemp(name string) (base string, ok bool) {
	const digits = 8
	n := len(name) - digits - len(tempSuffix) - 1
	if n < 2 || name[0] != '.' || name[n] != '-' || name[len(name)-len(tempSuffix):] != tempSuffix {
		return "", false
	}
	for _, c := range name[n+1 : n+1+digits] {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return "", false
		}
	}
	return name[1:n], true
}
