// Package regular opens files that other programs or people named. A named pipe blocks whoever opens it, a device may have
// no end: both are errors here, before they are opened.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Open opens a regular file, or a link to one, for reading. Its errors are those of os.Open, without the path, and
// [ErrKind].
func Open(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = check(info)
	}
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	if info, err = f.Stat(); err == nil { // it may have been replaced
		err = check(info)
	}
	if err != nil {
		f.Close()
		return nil, nil, withoutPath(err)
	}
	return f, info, nil
}

// ReadFile reads a regular file of at most the given size in bytes.
func ReadFile(path string, most int64) ([]byte, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > most {
		return nil, &ErrKind{fmt.Sprintf("%.1f MB, more than the %d we read", float64(info.Size())/(1<<20), most>>20)}
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, withoutPath(err)
	}
	return b, nil
}

// ErrKind says what a file is instead of a regular file of a size that is read.
type ErrKind struct{ Kind string }

func (e *ErrKind) Error() string { return e.Kind }

// check returns an [*ErrKind] for a file that is not regular.
func check(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return &ErrKind{"a folder, not a regular file"}
	case mode&fs.ModeNamedPipe != 0:
		return &ErrKind{"a named pipe, not a regular file"}
	case mode&fs.ModeSocket != 0:
		return &ErrKind{"a socket, not a regular file"}
	case mode&fs.ModeDevice != 0:
		return &ErrKind{"a device, not a regular file"}
	}
	return &ErrKind{"not a regular file"}
}

// withoutPath strips "open /the/path: " from an error.
func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
