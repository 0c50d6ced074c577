// Package torchfile reads and writes what PyTorch's torch.save writes: a Python object, most often nested dictionaries,
// whose tensors are kept beside it.
//
// Such a file holds its object as a pickle, a program for a small stack machine that may call any Python function when
// Python runs it. Here, the machine knows nothing but plain values and the few names that tensors are made of; a file
// that names anything else is refused, and nothing of it is ever called. (github.com/nlpodyssey/gopickle could be told to
// refuse as well, but allocates what a file asks for before it knows whether that is there.) Whatever the file says, what is allocated is
// bounded by a constant and a small multiple of the file's own size.
//
// Three forms are read: the zip archive (torch 1.6 and later; https://pytorch.org/docs/stable/notes/serialization.html),
// and the older stream of pickles. The zip archive is written, with protocol 2 as torch does it, so that every torch
// since 1.6 loads it, also with weights_only=True.
//
// An object is a tree of
//
//	nil, bool, int64, float64, string   None, bool, int, float, str
//	List, Tuple, *Dict                  list; tuple and torch.Size; dict and collections.OrderedDict
//	*Tensor, *safetensors.Tensor        a tensor in a file that is read, and one to write
package torchfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// List is a Python list.
type List []any

// Tuple is a Python tuple.
type Tuple []any

// File is an opened file. Its tensors are read when they are asked for, so that what isn't needed (the moments of an
// optimizer, say) costs nothing.
type File struct {
	Path string
	Size int64 // bytes
	Root any   // the object
	file *os.File
}

// Open reads the object in a file; its tensors can be loaded until Close.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: there is no such file (%w); check the path", path, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("%s: cannot be opened (%w); check that you may read it", path, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a file")
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: cannot be read (%w); name the file that torch.save wrote", path, err)
	}
	root, err := decode(path, file, info.Size())
	if err != nil {
		file.Close()
		return nil, err
	}
	return &File{Path: path, Size: info.Size(), Root: root, file: file}, nil
}

// Close ends the reading of tensors.
func (f *File) Close() error { return f.file.Close() }

// decode reads the object of a file of that size; the path is for messages.
func decode(path string, file io.ReaderAt, size int64) (root any, err error) {
	magic := make([]byte, len(legacyMagic))
	n, _ := file.ReadAt(magic, 0) // a shorter file is neither
	switch magic = magic[:n]; {
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		root, err = openArchive(file, size)
	case string(magic) == legacyMagic:
		root, err = openLegacy(file, size)
	default:
		err = errors.New("it begins like no file that torch.save writes")
	}
	if err == nil {
		return root, nil
	}
	remedy := "check that it was copied in full, or name the file that torch.save wrote"
	if named := (*namedError)(nil); errors.As(err, &named) {
		remedy = "have its weights saved as a plain state_dict or as safetensors"
	}
	return nil, fmt.Errorf("%s: not a PyTorch file we can use: %w; %s", path, err, remedy)
}

// namedError is a pickle that wants something from Python that is not a plain value or a tensor.
type namedError struct{ name string }

func (e *namedError) Error() string {
	return fmt.Sprintf("it wants Python's %s, which is neither a tensor nor a plain value, and has not been run", e.name)
}
