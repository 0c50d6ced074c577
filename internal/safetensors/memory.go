package safetensors

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// NewFile makes a file in memory from tensors with distinct names. path is for messages. The tensors are not copied.
func NewFile(path string, tensors []Tensor, metadata map[string]string) *File {
	f := &File{Path: path, Metadata: metadata, tensors: make(map[string]*Tensor, len(tensors))}
	if f.Metadata == nil {
		f.Metadata = map[string]string{}
	}
	for i := range tensors {
		f.tensors[tensors[i].Name] = &tensors[i]
		f.names = append(f.names, tensors[i].Name)
	}
	slices.Sort(f.names)
	return f
}

// FromRaw decodes little-endian elements. It is an error if they don't fill the shape.
func FromRaw(name string, dtype DType, shape []int, raw []byte) (Tensor, error) {
	t := Tensor{Name: name, DType: dtype, Shape: shape}
	n, ok := elements(shape)
	size := dtype.size()
	if size == 0 || !ok || int64(len(raw))%size != 0 || int64(len(raw))/size != n {
		return t, fmt.Errorf("%d bytes do not fill shape %v of type %q", len(raw), shape, string(dtype))
	}
	err := t.decode(bytes.NewReader(raw), n, make([]byte, min(len(raw)+8, chunk)))
	return t, err
}

// Size returns the number of bytes of an element, 0 if the type is unknown.
func (d DType) Size() int { return int(d.size()) }

// WriteRaw writes the elements, little-endian. F16 and BF16 give an error.
func (t *Tensor) WriteRaw(w io.Writer) error { return t.encode(w, make([]byte, 0, chunk)) }
