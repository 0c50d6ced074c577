package torchfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// element is the element type of a storage.
type element struct {
	size  int               // bytes
	dtype safetensors.DType // after loading
}

var elements = map[string]element{
	"Double":   {8, safetensors.F64},
	"Float":    {4, safetensors.F32},
	"Half":     {2, safetensors.F16},
	"BFloat16": {2, safetensors.BF16},
	"Long":     {8, safetensors.I64},
	"Int":      {4, safetensors.I32},
	"Short":    {2, safetensors.I32}, // widened
	"Char":     {1, safetensors.I32}, // widened
	"Byte":     {1, safetensors.U8},
	"Bool":     {1, safetensors.BOOL},
}

// element returns the element type of a storage type, such as "torch.FloatStorage".
func (g global) element() (element, bool) {
	name, ok1 := strings.CutPrefix(string(g), "torch.")
	name, ok2 := strings.CutSuffix(name, "Storage")
	e, ok3 := elements[name]
	return e, ok1 && ok2 && ok3
}

// storage is an array of elements, of which tensors are views.
type storage struct {
	element
	n     int // elements
	limit int // bytes that a tensor of it may take: the size of the file
	read  func() ([]byte, error)
	views map[string]*Tensor
}

// newStorage parses a persistent id: ("storage", type, key, device, elements, …).
func newStorage(id Tuple) (s *storage, key string, err error) {
	if len(id) < 5 {
		return nil, "", errors.New("its pickle has a storage without a size")
	}
	g, ok1 := id[1].(global)
	key, ok2 := id[2].(string)
	n, ok3 := id[4].(int64)
	e, ok4 := g.element()
	if !ok1 || !ok2 || !ok3 || !ok4 || n < 0 || n > 1<<48 {
		return nil, "", errors.New("its pickle describes a storage that cannot be")
	}
	return &storage{element: e, n: int(n)}, key, nil
}

// Tensor is a tensor of a file, not yet loaded. Tied weights (equal views of one storage) are the same pointer.
type Tensor struct {
	DType   safetensors.DType // int8 and int16 are I32 here; F16 and BF16 load as float32
	Shape   []int             // empty for a scalar
	stride  []int
	offset  int
	storage *storage
}

// newTensor returns a view of a storage, the same one for equal arguments.
func newTensor(s, offset, size, stride any) (*Tensor, error) {
	t, err := view(s, offset, size, stride)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(t.offset, t.Shape, t.stride)
	if same := t.storage.views[key]; same != nil {
		return same, nil
	}
	if t.storage.views == nil {
		t.storage.views = map[string]*Tensor{}
	}
	t.storage.views[key] = t
	return t, nil
}

// view makes a view of a storage. It is an error if the view reaches beyond the storage.
func view(s, offset, size, stride any) (*Tensor, error) {
	of, ok1 := s.(*storage)
	at, ok2 := offset.(int64)
	if !ok1 || !ok2 {
		return nil, errArguments
	}
	t := &Tensor{DType: of.dtype, storage: of}
	var err error
	if t.Shape, err = ints(size); err != nil {
		return nil, err
	}
	if t.stride, err = ints(stride); err != nil {
		return nil, err
	}
	if len(t.Shape) != len(t.stride) || len(t.Shape) > 64 {
		return nil, errArguments
	}
	if at < 0 || at > int64(of.n) {
		return nil, errOutside
	}
	t.offset = int(at)
	if slices.Contains(t.Shape, 0) { // no elements, whatever the other sizes
		t.stride, t.offset = make([]int, len(t.Shape)), 0
		return t, nil
	}
	last, count := t.offset, 1
	for i, d := range t.Shape {
		if t.stride[i] > 0 && d-1 > (of.n-1-last)/t.stride[i] {
			return nil, errOutside
		}
		last += (d - 1) * t.stride[i]
		// A stride of 0 repeats elements. The bound limits the memory of such a tensor.
		if count > of.limit/of.size/d {
			return nil, fmt.Errorf("a tensor of shape %v is larger than the file", t.Shape)
		}
		count *= d
	}
	if last >= of.n {
		return nil, errOutside
	}
	return t, nil
}

var errOutside = errors.New("a tensor reaches beyond its storage")

// ints converts the sizes or strides of a tensor.
func ints(v any) ([]int, error) {
	tuple, ok := v.(Tuple)
	if !ok {
		return nil, errArguments
	}
	all := make([]int, len(tuple))
	for i, v := range tuple {
		n, ok := v.(int64)
		if !ok || n < 0 || n > 1<<48 {
			return nil, errArguments
		}
		all[i] = int(n)
	}
	return all, nil
}

// Len returns the number of elements.
func (t *Tensor) Len() int {
	if slices.Contains(t.Shape, 0) { // the product of the other sizes may overflow
		return 0
	}
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Load reads the elements, in row-major order.
func (t *Tensor) Load() (safetensors.Tensor, error) {
	raw, err := t.storage.read()
	if err != nil {
		return safetensors.Tensor{}, err
	}
	raw = t.gather(raw)
	if t.storage.size < t.DType.Size() && t.DType == safetensors.I32 {
		raw = widen(raw, t.storage.size)
	}
	return safetensors.FromRaw("", t.DType, t.Shape, raw)
}

// gather returns the elements of the view in row-major order, without a copy if the view is contiguous.
func (t *Tensor) gather(raw []byte) []byte {
	size, n := t.storage.size, t.Len()
	contiguous, next := true, 1
	for i := len(t.Shape) - 1; i >= 0; i-- {
		contiguous = contiguous && (t.Shape[i] == 1 || t.stride[i] == next)
		next *= t.Shape[i]
	}
	if contiguous || n == 0 {
		return raw[t.offset*size:][:n*size]
	}
	out := make([]byte, 0, n*size)
	index := make([]int, len(t.Shape))
	at := t.offset
	for range n {
		out = append(out, raw[at*size:][:size]...)
		for i := len(index) - 1; i >= 0; i-- {
			at += t.stride[i]
			if index[i]++; index[i] < t.Shape[i] {
				break
			}
			at -= t.stride[i] * t.Shape[i]
			index[i] = 0
		}
	}
	return out
}

// widen converts int8 or int16 to int32.
func widen(raw []byte, size int) []byte {
	var out bytes.Buffer
	for i := 0; i < len(raw); i += size {
		v := int32(int8(raw[i]))
		if size == 2 {
			v = int32(int16(binary.LittleEndian.Uint16(raw[i:])))
		}
		out.Write(binary.LittleEndian.AppendUint32(nil, uint32(v)))
	}
	return out.Bytes()
}
