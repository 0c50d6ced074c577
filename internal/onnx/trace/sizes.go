package trace

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// N is the size of the batch while a graph is traced.
const N = 10007

// unit is what the sides of [Graph.Picture] are multiples of.
const unit = 32

// openSize is a size that the graph leaves open. A prime stands for it while the graph is traced.
type openSize struct {
	prime int
	name  string
	axis  int  // of the first input
	half  bool // it is half of the side, rounded up, as a map of every other place has it
}

// openSizes are the sizes that a graph may leave open: the batch, and the sides of a picture divided by 32. The primes of the sides are
// chosen so that half of them, rounded up, is a prime again.
var openSizes = []openSize{
	{prime: N, name: "N"},
	{prime: 20353, name: "H", axis: 1}, {prime: 10177, name: "ceil(H/2)", axis: 1, half: true},
	{prime: 20533, name: "W", axis: 2}, {prime: 10267, name: "ceil(W/2)", axis: 2, half: true},
}

// height and width are the sides of a picture with open ones.
var height, width = unit * openSizes[1].prime, unit * openSizes[3].prime

// factors returns the open sizes whose product, times the rest, is a size.
func factors(size int) (all []openSize, rest int) {
	for _, o := range openSizes {
		for ; size > 0 && size%o.prime == 0; size /= o.prime {
			all = append(all, o)
		}
	}
	return all, size
}

// isOpen reports whether the graph leaves a size open.
func isOpen(size int) bool {
	all, _ := factors(size)
	return len(all) > 0
}

// openSides reports whether the graph leaves the sides of its picture open.
func (t *Tracer) openSides() bool {
	return t.input != nil && len(t.input.shape) == 4 && t.input.shape[1] == height
}

// mostPadding is how much larger an open size becomes by padding, at most.
const mostPadding = 16

// padded returns the open size that became n by padding; 0: none did.
func (t *Tracer) padded(n int) int {
	if t.openSides() && n > N && !isOpen(n) {
		for more := 1; more <= mostPadding; more++ {
			if isOpen(n - more) {
				return n - more
			}
		}
	}
	return 0
}

// follows reports whether a size follows from those that the graph leaves open.
func (t *Tracer) follows(n int) bool { return isOpen(n) || t.padded(n) > 0 }

// size returns an open size, or one that was padded, as a vector of one number.
func (t *Tracer) size(n int) *value {
	if before := t.padded(n); before > 0 {
		return t.node("Add", onnx.Int64, []int{1}, []*value{t.size(before), t.int64s(int64(n - before))})
	}
	all, rest := factors(n)
	var v *value
	multiply := func(w *value) {
		if v != nil {
			w = t.node("Mul", onnx.Int64, []int{1}, []*value{v, w})
		}
		v = w
	}
	for _, o := range all {
		multiply(t.openValue(o))
	}
	if rest != 1 {
		multiply(t.int64s(int64(rest)))
	}
	return v
}

// openValue returns the value of an open size, a vector of one number.
func (t *Tracer) openValue(o openSize) *value {
	if t.input == nil || len(t.input.shape) <= o.axis || !isOpen(t.input.shape[o.axis]) {
		fail("the size of something is open before the first input, or where that has none")
	}
	sizes := t.node("Shape", onnx.Int64, []int{len(t.input.shape)}, []*value{t.input})
	v := t.node("Gather", onnx.Int64, []int{1}, []*value{sizes, t.int64s(int64(o.axis))}, attribute("axis", 0))
	if o.axis > 0 {
		v = t.node("Div", onnx.Int64, []int{1}, []*value{v, t.int64s(unit)})
	}
	if o.half {
		v = t.node("Div", onnx.Int64, []int{1}, []*value{t.node("Add", onnx.Int64, []int{1}, []*value{v, t.int64s(1)}), t.int64s(2)})
	}
	return v
}

// dims names the open sizes of a shape: "N", "64*N".
func dims(shape []int) (out []onnx.Dim) {
	for _, size := range shape {
		all, rest := factors(size)
		if len(all) == 0 {
			out = append(out, onnx.Dim{Size: size})
			continue
		}
		name := ""
		if rest != 1 {
			name = fmt.Sprintf("%d*", rest)
		}
		for i, o := range all {
			if i > 0 {
				name += "*"
			}
			name += o.name
		}
		out = append(out, onnx.Dim{Name: name})
	}
	return out
}
