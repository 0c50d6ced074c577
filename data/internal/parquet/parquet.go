// Package parquet reads columns of Apache Parquet files (https://parquet.apache.org/docs/file-format) that may be damaged or
// made to harm. (github.com/parquet-go/parquet-go allocates what a file claims, so one flipped bit can take all memory.)
//
// It reads columns that are not repeated, of booleans, numbers and bytes, in all of the format's encodings and codecs but
// LZO.
//
// # Limits
//
// A page unpacks to at most 256 times its packed size, or 16 MB if that is more, and 1 GB. A file has at most 65,536 rows
// more than bytes. At any time, one page of one column is in memory, and its dictionary.
package parquet

import (
	"errors"
	"os"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/regular"
)

const magic = "PAR1" // at both ends of a file

// Kind is the physical type of a column.
type Kind int

// The physical types.
const (
	Boolean Kind = iota
	Int32
	Int64
	Int96
	Float
	Double
	Bytes
	FixedBytes
)

func (k Kind) String() string {
	names := [...]string{"truth values", "32-bit integers", "64-bit integers", "96-bit integers", "32-bit floating-point numbers", "64-bit floating-point numbers", "text or bytes", "bytes of a fixed length"}
	if k < 0 || int(k) >= len(names) {
		return "values of an unknown type"
	}
	return names[k]
}

// Column is a column of a file.
type Column struct {
	Path     string // the names of its groups and its own, joined by dots
	Kind     Kind
	Repeated bool // in a list or map; it cannot be read

	width int // bytes of a value of FixedBytes
	depth int // definition level of a value that is there
	index int // in a row group
}

// Value is one value of a column.
type Value struct {
	Null  bool
	Int   int64   // of a truth value (0 or 1) or an integer
	Float float64 // of a floating-point number
	Bytes []byte  // of text or bytes; valid for good
}

// File is an open file.
type File struct {
	Path     string
	Rows     int
	Columns  []Column
	Metadata map[string]string // by key

	file   *os.File
	size   int64
	groups []group
}

// group is a row group.
type group struct {
	rows   int64
	chunks []chunk
}

// chunk is the part of a column in a row group.
type chunk struct {
	codec      int64
	values     int64
	data, dict int64 // offsets of the first data page and of the dictionary, which may be 0
}

// Is reports whether a file is parquet, by its content.
func Is(path string) bool {
	f, _, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, len(magic))
	_, err = f.ReadAt(start, 0)
	return err == nil && string(start) == magic
}

// Open reads the footer of a file. Its errors do not name the file.
func Open(path string) (*File, error) {
	h, info, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, Metadata: map[string]string{}, file: h, size: info.Size()}
	if err := f.readFooter(); err != nil {
		h.Close()
		return nil, damaged{err}
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Column returns the column with a path, or nil.
func (f *File) Column(path string) *Column {
	for i := range f.Columns {
		if f.Columns[i].Path == path {
			return &f.Columns[i]
		}
	}
	return nil
}

// Names lists the columns.
func (f *File) Names() string {
	names := make([]string, len(f.Columns))
	for i, c := range f.Columns {
		names[i] = c.Path
	}
	return strings.Join(names, ", ")
}

// damaged is the error for a file that breaks the format.
type damaged struct{ error }

func (d damaged) Unwrap() error { return d.error }

// Damaged reports whether an error means that the file is damaged. Other errors are of the system.
func Damaged(err error) bool { return errors.As(err, &damaged{}) }
