// Package atomicfile replaces files atomically: after a crash at any moment, a file has either its whole old content or its
// whole new content.
//
// The content is written to a temporary file in the same folder (a rename is atomic within one file system only), synced to
// the disk, and renamed to the target. Then the folder is synced, so that the rename survives a power cut.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// staleAfter is the age at which a temporary file is taken for that of a killed process: a running one writes to its file
// far more often.
const staleAfter = time.Hour

// Write replaces the file at path by what write writes. The writer is buffered. On any error, also one of write, the old
// file stays as it was, no temporary file is left, and the error names the file and a remedy.
//
// A symbolic link is followed. A device or pipe (/dev/stdout, /dev/null) is written to directly, as a rename would replace
// it.
func Write(path string, write func(w io.Writer) error) error {
	target, perm := follow(path), fs.FileMode(0)
	if info, err := os.Stat(target); err == nil {
		switch {
		case info.IsDir():
			return isFolder(path)
		case !info.Mode().IsRegular():
			return explain(path, writeDevice(target, write))
		}
		perm = info.Mode().Perm()
	}
	removeStale(target)
	return explain(path, replace(target, perm, write))
}

// Check returns the error that [Write] would return for a file at path now, except for a full disk. It serves to detect a bad
// path before a long computation.
func Check(path string) error {
	target := follow(path)
	switch info, err := os.Stat(target); {
	case err == nil && info.IsDir():
		return isFolder(path)
	case err == nil && !info.Mode().IsRegular():
		return nil
	}
	f, err := createTemp(target)
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	return explain(path, err)
}

// follow returns the target of a symbolic link, and any other path as it is.
func follow(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

func isFolder(path string) error {
	return fmt.Errorf("%s: is a folder; name a file to write to", path)
}

// WriteBytes replaces the file at path by data, as [Write] does.
func WriteBytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// replace writes the temporary file and renames it; perm is the mode of the old file, 0 if there is none.
func replace(target string, perm fs.FileMode, write func(w io.Writer) error) (err error) {
	f, err := createTemp(target)
	if err != nil {
		return err
	}
	done := false
	defer func() { // also when write panics
		if !done {
			f.Close()
			_ = Remove(f.Name())
		}
	}()
	if perm != 0 {
		if err := f.Chmod(perm); err != nil {
			return err
		}
	}
	if err := fill(f, write); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := Rename(f.Name(), target); err != nil {
		return err
	}
	done = true
	if err := SyncDir(filepath.Dir(target)); err != nil {
		return &unsynced{err}
	}
	return nil
}

// unsynced is the error for a file that was replaced in a folder that could not be synced.
type unsynced struct{ err error }

func (e *unsynced) Error() string { return e.err.Error() }
func (e *unsynced) Unwrap() error { return e.err }

// Replaced reports whether an error of [Write] came after the file was replaced: the new content is there, but a power cut
// may undo it.
func Replaced(err error) bool {
	var late *unsynced
	return errors.As(err, &late)
}

// writeDevice writes to a device or pipe.
func writeDevice(target string, write func(w io.Writer) error) error {
	f, err := os.OpenFile(target, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(fill(f, write), f.Close())
}

// fill writes to f through a buffer.
func fill(f io.Writer, write func(w io.Writer) error) error {
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

// createTemp is os.CreateTemp with the permissions of an ordinary new file (0666 less the umask).
func createTemp(target string) (*File, error) {
	dir, base := filepath.Split(target)
	for try := 0; ; try++ {
		name := filepath.Join(dir, fmt.Sprintf("%s%08x%s", tempPrefix(base), rand.Uint32(), tempSuffix))
		f, err := open(OpCreate, name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if errors.Is(err, fs.ErrExist) && try < 100 {
			continue
		}
		return f, err
	}
}

const tempSuffix = ".tmp"

func tempPrefix(base string) string { return "." + base + "-" }

// removeStale deletes the temporary files that killed processes left beside target. Errors are ignored.
func removeStale(target string) {
	dir, base := filepath.Split(target)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), tempPrefix(base))
		if !ours || len(rest) != 8+len(tempSuffix) || !strings.HasSuffix(rest, tempSuffix) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// Explain turns an error of writing a file into one sentence that names the file and a remedy, as [Write] does.
func Explain(path string, err error) error { return explain(path, err) }

// explain turns err into one sentence that names the file and a remedy.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	cause := err
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	// The system's errors name the temporary file, which does not help the reader. An error of write about another file stays
	// whole.
	case errors.As(err, &pathErr) && (filepath.Dir(pathErr.Path) == filepath.Dir(path) || pathErr.Path == filepath.Dir(path)):
		cause = pathErr.Err
	case errors.As(err, &linkErr):
		cause = linkErr.Err
	}
	if Replaced(err) {
		return &Error{Path: path, Remedy: "a power cut may bring back the old file, so check the disk and run the command again", replaced: true, cause: cause, err: err}
	}
	remedy := "the old file was left as it was, so fix the cause and run the command again"
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		remedy = "free some disk space or choose another folder (the old file was left as it was)"
	case cause == err: // not a system error about this file
	case errors.Is(cause, fs.ErrPermission), errors.Is(cause, syscall.EROFS):
		remedy = "choose a folder that you may write to"
	case errors.Is(cause, fs.ErrNotExist):
		remedy = fmt.Sprintf("create the folder %s first", filepath.Dir(path))
	}
	return &Error{Path: path, Remedy: remedy, cause: cause, err: err}
}

// Error is the error of [Write]: one sentence, and the cause for errors.Is.
type Error struct {
	Path     string // as the caller gave it
	Remedy   string // what the user can do
	replaced bool   // the new file is there
	cause    error  // err without the temporary file's name
	err      error
}

func (e *Error) Error() string {
	if e.replaced {
		return fmt.Sprintf("%s: is replaced, but its folder cannot be synced (%v); %s", e.Path, e.cause, e.Remedy)
	}
	return fmt.Sprintf("%s: cannot be written (%v); %s", e.Path, e.cause, e.Remedy)
}

// Unwrap returns the error of the operating system, or of the write function.
func (e *Error) Unwrap() error { return e.err }
