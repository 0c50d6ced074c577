// Package torchfile reads and writes files of PyTorch's torch.save: a Python object, usually nested dictionaries, with its
// tensors.
//
// Such a file holds its object as a pickle: a program for a small stack machine, which may call any Python function when
// Python runs it. The machine here knows only plain values, the few functions that tensors need, and names of classes of a
// few libraries, whose objects it records without running anything. A file with any other name is an error. (github.com/nlpodyssey/gopickle allocates what a file asks for before it checks
// the file's size.) The memory used is bounded by a constant and a small multiple of the file's size.
//
// Two forms are read: the zip archive (torch 1.6 and later; https://pytorch.org/docs/stable/notes/serialization.html) and
// the older stream of pickles. Write writes the zip archive with protocol 2, as torch does, so every torch since 1.6 loads
// it, also with weights_only=True.
//
// An object is a tree of
//
//	nil, bool, int64, float64, string   None, bool, int, float, str
//	List, Tuple, *Dict                  list; tuple and torch.Size; dict and collections.OrderedDict
//	*Tensor, *safetensors.Tensor        a tensor that is read, a tensor to write
//	*Object                             an object of some class, by name; nothing of it is run
package torchfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// List is a Python list.
type List []any

// Tuple is a Python tuple.
type Tuple []any

// File is an open file. A tensor is read when it is loaded, so tensors that are not needed (such as the moments of an
// optimizer) cost nothing.
type File struct {
	Path string
	Size int64 // bytes
	Root any   // the object
	file *os.File
}

// Open reads the object of a file. Its tensors can be loaded until Close. The error for a file that is cut off or
// altered is a [*fault.DamagedFile].
func Open(path string) (*File, error) {
	file, info, err := regular.Open(path)
	var kind *regular.ErrKind
	switch {
	case errors.As(err, &kind):
		return nil, fmt.Errorf("%s: cannot be read (%w); name the file that torch.save wrote", path, err)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file (%w); check the path", path, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("%s: cannot be opened (%w); check that you may read it", path, err)
	}
	root, err := decode(path, file, info.Size())
	if err != nil {
		file.Close()
		return nil, err
	}
	return &File{Path: path, Size: info.Size(), Root: root, file: file}, nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// decode reads the object of a file of a size in bytes; path is for messages.
func decode(path string, file io.ReaderAt, size int64) (root any, err error) {
	magic := make([]byte, len(legacyMagic))
	n, _ := file.ReadAt(magic, 0) // a shorter file has neither form
	switch magic = magic[:n]; {
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		root, err = openArchive(file, size)
	case string(magic) == legacyMagic:
		root, err = openLegacy(file, size)
	default:
		err = errors.New("it does not start like a file of torch.save")
	}
	if err == nil {
		return root, nil
	}
	if named := (*namedError)(nil); errors.As(err, &named) { // the file is whole
		return nil, fmt.Errorf("%s: not a PyTorch file we can use: %w; have its weights saved as a plain state_dict or as safetensors", path, err)
	}
	return nil, fault.Damaged(path, "not a PyTorch file we can use: %v; check that it was copied in full, or name the file that torch.save wrote", err)
}

// namedError is the error for a pickle that uses a Python name that is not allowed.
type namedError struct{ name string }

func (e *namedError) Error() string {
	return fmt.Sprintf("it wants Python's %s, which is neither a tensor nor a plain value, and has not been run", printable.Short(e.name))
}
