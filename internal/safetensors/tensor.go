// Package safetensors reads and writes the safetensors format (https://github.com/huggingface/safetensors#format): the length
// of the header (eight bytes, little-endian); a JSON header of names, types, shapes and offsets; the little-endian data
// without gaps.
//
// It reads files of any program. The files that it writes have three more entries in the header's __metadata__, which other
// programs ignore: the format version ([VersionKey]), a SHA-256 checksum of the whole file ([ChecksumKey]) and a mark of the
// header's layout ([LayoutKey]). With them, a flipped bit or a file of a newer Bestiary is an error, and a file that another
// program has saved again is not.
package safetensors

import (
	"fmt"
	"math"
	"slices"
)

// DType is an element type, by its name in the header.
type DType string

// The element types. F16 and BF16 are read, as float32, but not written.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	U8   DType = "U8"
	BOOL DType = "BOOL"
)

// size returns the number of bytes of an element, 0 if the type is unknown.
func (d DType) size() int64 {
	switch d {
	case F64, I64:
		return 8
	case F32, I32:
		return 4
	case F16, BF16:
		return 2
	case U8, BOOL:
		return 1
	}
	return 0
}

// Tensor is a named row-major array. DType says which slice holds the elements; the others are nil.
type Tensor struct {
	Name  string
	DType DType
	Shape []int // empty for a scalar

	F32  []float32 // F32; F16 and BF16 after reading
	F64  []float64
	I64  []int64
	I32  []int32
	U8   []uint8
	Bool []bool
}

// Len returns the number of elements in the tensor's slice.
func (t *Tensor) Len() int {
	switch t.DType {
	case F64:
		return len(t.F64)
	case F32, F16, BF16:
		return len(t.F32)
	case I64:
		return len(t.I64)
	case I32:
		return len(t.I32)
	case U8:
		return len(t.U8)
	case BOOL:
		return len(t.Bool)
	}
	return 0
}

// elements returns the product of a shape's sizes; ok is false if one is negative or the product overflows an int64.
func elements(shape []int) (n int64, ok bool) {
	n = 1
	if slices.Contains(shape, 0) {
		n = 0
	}
	for _, d := range shape {
		if d < 0 || (d > 0 && n > math.MaxInt64/int64(d)) {
			return 0, false
		}
		n *= int64(d)
	}
	return n, true
}

// File is the content of a safetensors file.
type File struct {
	Path     string            // for error messages
	Metadata map[string]string // the header's __metadata__, never nil
	tensors  map[string]*Tensor
	names    []string // sorted
}

// Names returns the names of the tensors, sorted.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Has reports whether there is a tensor of that name.
func (f *File) Has(name string) bool { return f.tensors[name] != nil }

// Tensor returns the tensor with a name. Its slices are the file's own, not copies.
func (f *File) Tensor(name string) (*Tensor, error) {
	t := f.tensors[name]
	if t == nil {
		return nil, fmt.Errorf("%s: holds no tensor %q (it has %d others); use a file that was saved for this model and configuration",
			f.Path, name, len(f.names))
	}
	return t, nil
}

// Float32 returns the elements and the shape of a floating-point tensor. F32, F16 and BF16 are exact; F64 is rounded. The slice
// is the file's own unless it is rounded.
func (f *File) Float32(name string) ([]float32, []int, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, nil, err
	}
	switch t.DType {
	case F32, F16, BF16:
		return t.F32, t.Shape, nil
	case F64:
		return convert[float32](t.F64), t.Shape, nil
	}
	return nil, nil, f.wrongType(t, floatingPoint)
}

// Float64 returns the exact elements and the shape of a floating-point tensor.
func (f *File) Float64(name string) ([]float64, []int, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, nil, err
	}
	switch t.DType {
	case F64:
		return t.F64, t.Shape, nil
	case F32, F16, BF16:
		return convert[float64](t.F32), t.Shape, nil
	}
	return nil, nil, f.wrongType(t, floatingPoint)
}

// Int64 returns the exact elements and the shape of a tensor of I64, I32 or U8.
func (f *File) Int64(name string) ([]int64, []int, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, nil, err
	}
	switch t.DType {
	case I64:
		return t.I64, t.Shape, nil
	case I32:
		return convert[int64](t.I32), t.Shape, nil
	case U8:
		return convert[int64](t.U8), t.Shape, nil
	}
	return nil, nil, f.wrongType(t, "integers")
}

const floatingPoint = "floating-point numbers"

func (f *File) wrongType(t *Tensor, want string) error {
	remedy := "use a file that was saved for this model"
	if want == floatingPoint {
		remedy += ", or save its weights as float32 if they are quantized"
	}
	return fmt.Errorf("%s: tensor %q holds %s where %s are wanted; %s", f.Path, t.Name, t.DType, want, remedy)
}

func convert[To, From float32 | float64 | int64 | int32 | uint8](from []From) []To {
	to := make([]To, len(from))
	for i, v := range from {
		to[i] = To(v)
	}
	return to
}
