package tensor

import (
	"fmt"
	"sync/atomic"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Tensor is an N-dimensional array on a device, contiguous and row-major. Its elements are floating-point numbers (float32, or
// float64 on the device "cpu64"), or int32 indices. Operations never change them; [Tensor.Set] and optimizers do.
//
// A tensor made within a [Step] is released at the step's end; [Tensor.Keep] makes a copy that stays. A tensor made outside of
// steps lives as long as it is referenced.
type Tensor struct {
	device *Device
	data   kernel.Buffer
	ints   bool // int32 elements
	rank   int
	dims   [kernel.MaxDims]int

	owner    *Step // nil: lives as long as it is referenced
	requires bool  // gradients flow to it
	hasGrad  bool  // grad is valid
	grad     kernel.Buffer
	usedIn   uint64 // number of the root step that uses counts in; see Step.use
	uses     int
	arrived  int    // gradients of these uses
	constant uint64 // a number that identifies the elements, which never change, or 0; see Freeze
}

// Shape returns the sizes of the dimensions; the caller must not change them.
func (t *Tensor) Shape() []int { return t.dims[:t.rank] }

// Dim returns the size of dimension i; negative i counts from the last.
func (t *Tensor) Dim(i int) int { return t.dims[t.axis(i)] }

// Rank returns the number of dimensions.
func (t *Tensor) Rank() int { return t.rank }

// Len returns the number of elements.
func (t *Tensor) Len() int { return t.data.Len }

// Device returns the device that t lives on.
func (t *Tensor) Device() *Device { return t.device }

// String returns the shape and the device of t: "tensor[2 3] on cpu/avx512".
func (t *Tensor) String() string { return fmt.Sprintf("tensor%v on %s", t.Shape(), t.device.Name()) }

func (t *Tensor) axis(i int) int {
	if i < 0 {
		i += t.rank
	}
	if i < 0 || i >= t.rank {
		panic(fmt.Sprintf("tensor: no dimension %d in shape %v", i, t.Shape()))
	}
	return i
}

func (t *Tensor) kernels() kernel.Device { return t.device.kernels }

// count returns the number of elements of a shape.
func count(shape []int) int {
	n := 1
	for _, s := range shape {
		if s < 0 {
			panic(fmt.Sprintf("tensor: negative size in shape %v", shape))
		}
		n *= s
	}
	return n
}

// wrap makes a tensor of data within the current step, if there is one.
func (d *Device) wrap(data kernel.Buffer, shape []int) *Tensor {
	if len(shape) > kernel.MaxDims {
		panic(fmt.Sprintf("tensor: more than %d dimensions in shape %v", kernel.MaxDims, shape))
	}
	var t *Tensor
	if d.step != nil {
		t = d.step.newTensor()
	} else {
		t = new(Tensor)
	}
	t.device, t.data, t.owner = d, data, d.step
	t.rank = copy(t.dims[:], shape)
	return t
}

// empty makes an uninitialised tensor within the current step, if there is one.
func (d *Device) empty(shape ...int) *Tensor {
	n := count(shape)
	if d.step == nil {
		return d.wrap(d.kernels.Alloc(n), shape)
	}
	b := d.take(n)
	d.step.owned = append(d.step.owned, b)
	return d.wrap(b, shape)
}

// emptyInts is empty for indices. Their memory is garbage-collected, not pooled.
func (d *Device) emptyInts(shape ...int) *Tensor {
	t := d.wrap(d.kernels.AllocInts(count(shape)), shape)
	t.ints = true
	return t
}

// emptyLike is empty with elements of t's type.
func (t *Tensor) emptyLike(shape ...int) *Tensor {
	if t.ints {
		return t.device.emptyInts(shape...)
	}
	return t.device.empty(shape...)
}

// Full returns a tensor whose elements are all value.
func (d *Device) Full(value float64, shape ...int) *Tensor {
	t := d.empty(shape...)
	d.kernels.Fill(t.data, value)
	return t
}

// Zeros returns a tensor of zeros.
func (d *Device) Zeros(shape ...int) *Tensor { return d.Full(0, shape...) }

// From returns a tensor with a copy of values, in row-major order. Without a shape it is a vector. It panics if the shape has
// another number of elements.
func (d *Device) From(values []float32, shape ...int) *Tensor {
	if shape == nil {
		shape = []int{len(values)}
	}
	if count(shape) != len(values) {
		panic(fmt.Sprintf("tensor: %d values for shape %v", len(values), shape))
	}
	t := d.empty(shape...)
	d.kernels.Upload(t.data, values)
	return t
}

// Ints returns a tensor of indices or labels with a copy of values. Without a shape it is a vector. It panics if the shape has
// another number of elements.
func (d *Device) Ints(values []int32, shape ...int) *Tensor {
	if shape == nil {
		shape = []int{len(values)}
	}
	if count(shape) != len(values) {
		panic(fmt.Sprintf("tensor: %d indices for shape %v", len(values), shape))
	}
	t := d.emptyInts(shape...)
	d.kernels.UploadInts(t.data, values)
	return t
}

// Values returns a copy of the elements in row-major order. It waits for the device.
func (t *Tensor) Values() []float32 {
	v := make([]float32, t.Len())
	t.CopyTo(v)
	return v
}

// CopyTo copies the elements to v, of length Len. It waits for the device.
func (t *Tensor) CopyTo(v []float32) {
	if t.ints || len(v) != t.Len() {
		panic(fmt.Sprintf("tensor: can't copy %v to %d float32", t, len(v)))
	}
	t.kernels().Download(v, t.data)
}

// IntValues returns a copy of the elements of a tensor of indices. It waits for the device.
func (t *Tensor) IntValues() []int32 {
	if !t.ints {
		panic(fmt.Sprintf("tensor: IntValues of %v, which holds no indices", t))
	}
	v := make([]int32, t.Len())
	t.kernels().DownloadInts(v, t.data)
	return v
}

// Item returns the only element of t. It waits for the device, and panics if t has more elements.
func (t *Tensor) Item() float64 {
	if t.Len() != 1 {
		panic(fmt.Sprintf("tensor: Item of %v", t))
	}
	var v [1]float32
	t.CopyTo(v[:])
	return float64(v[0])
}

// Set replaces the elements by values, of length Len. It panics if t is frozen.
func (t *Tensor) Set(values []float32) {
	if t.constant != 0 {
		panic(fmt.Sprintf("tensor: Set of %v, which is frozen", t))
	}
	if t.ints || len(values) != t.Len() {
		panic(fmt.Sprintf("tensor: %d values for %v", len(values), t))
	}
	t.kernels().Upload(t.data, values)
}

// constants counts the tensors that have been frozen.
var constants atomic.Uint64

// Freeze makes t constant: no gradient flows to it any more, and Set panics. Kernels may then cache what they derive from a
// weight, such as its packed panels. It can't be undone.
func (t *Tensor) Freeze() {
	t.requires, t.constant = false, constants.Add(1)
}

// Keep returns a copy of t that outlives the current step and requires no gradient.
func (t *Tensor) Keep() *Tensor {
	k := &Tensor{device: t.device, ints: t.ints, rank: t.rank, dims: t.dims}
	if t.ints {
		k.data = t.kernels().AllocInts(t.Len())
	} else {
		k.data = t.kernels().Alloc(t.Len())
	}
	t.kernels().Copy(kernel.Contiguous(t.Len()), k.data, t.data)
	return k
}

// Detach returns a view of t through which no gradients flow.
func (t *Tensor) Detach() *Tensor {
	if s := t.device.step; s != nil && t.requires {
		s.use(t) // the view may be read at any time
	}
	v := t.device.wrap(t.data, t.Shape())
	v.ints = t.ints
	return v
}

// IsInts reports whether t holds indices.
func (t *Tensor) IsInts() bool { return t.ints }
