package trace

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// value is a tensor of the graph, or a constant. Its shape may have sizes that the graph leaves open; see factors.
type value struct {
	name  string // in the graph; "" for a constant that no node reads yet
	shape []int
	kind  onnx.Type

	floats []float32 // of a constant of type Float; its elements may lie in a model's memory
	ints   []int32   // of a constant of type Int32
	fill   bool      // all elements are floats[0], or ints[0]
	wish   string    // the name that a constant would like to have
	key    string    // says which elements of wish it has

	origin *value // what a transposition was computed from
	order  []int  // of the transposition
	base   *value // what a reshape was computed from
}

func (v *value) constant() bool { return v.floats != nil || v.ints != nil }

func (v *value) len() int { return product(v.shape) }

func product(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

// dynamic reports whether the graph leaves a size of a shape open.
func dynamic(shape []int) bool { return slices.ContainsFunc(shape, isOpen) }

// unique returns a name that no other value has.
func (g *graph) unique(name string) string {
	g.used[name]++
	if n := g.used[name]; n > 1 {
		return g.unique(fmt.Sprintf("%s_%d", name, n))
	}
	return name
}

// nameOf returns the name of a value, and adds a constant to the graph.
func (t *Tracer) nameOf(v *value) string {
	if v == nil {
		return ""
	}
	if v.name != "" {
		return v.name
	}
	if v.fill {
		whole := t.expand(&value{shape: make1(len(v.shape)), kind: v.kind, floats: v.floats, ints: v.ints}, v.shape)
		v.name, v.fill, v.floats, v.ints = t.nameOf(whole), false, nil, nil
		return v.name
	}
	key := fmt.Sprint("constant ", v.kind, v.shape, v.wish, v.key)
	if v.wish == "" {
		v.wish = "constant"
		key += v.hash()
	}
	if known := t.seen[key]; known != nil {
		v.name = known.name
		return v.name
	}
	v.name = t.unique(v.wish)
	if v.kind == onnx.Int32 {
		t.made.Initializers = append(t.made.Initializers, onnx.Int32s(v.name, v.shape, v.ints))
	} else {
		t.made.Initializers = append(t.made.Initializers, onnx.Floats(v.name, v.shape, v.floats))
	}
	t.seen[key] = v
	return v.name
}

// hash identifies the elements of a constant.
func (v *value) hash() string {
	h := sha256.New()
	for _, x := range v.floats {
		binary.Write(h, binary.LittleEndian, x)
	}
	for _, x := range v.ints {
		binary.Write(h, binary.LittleEndian, x)
	}
	return string(h.Sum(nil))
}

// make1 returns a shape of ones.
func make1(rank int) []int { return slices.Repeat([]int{1}, rank) }

// scalar returns a constant number.
func scalar(x float64) *value {
	return &value{shape: nil, kind: onnx.Float, floats: []float32{float32(x)}}
}

// constants returns a constant of that shape.
func constants(values []float32, shape ...int) *value {
	return &value{shape: shape, kind: onnx.Float, floats: values}
}

// indices returns a constant vector of indices.
func indices(values []int32) *value {
	return &value{shape: []int{len(values)}, kind: onnx.Int32, ints: values}
}

// int64s returns a constant vector, such as a shape.
func (t *Tracer) int64s(values ...int64) *value {
	key := fmt.Sprint("int64s ", values)
	if known := t.seen[key]; known != nil {
		return known
	}
	v := &value{name: t.unique("sizes"), shape: []int{len(values)}, kind: onnx.Int64}
	t.made.Initializers = append(t.made.Initializers, onnx.Int64s(v.name, v.shape, values))
	t.seen[key] = v
	return v
}

// number is int64s for a tensor without dimensions.
func (t *Tracer) number(n int64) *value {
	key := fmt.Sprint("number ", n)
	if known := t.seen[key]; known != nil {
		return known
	}
	v := &value{name: t.unique("number"), kind: onnx.Int64}
	t.made.Initializers = append(t.made.Initializers, onnx.Int64s(v.name, nil, []int64{n}))
	t.seen[key] = v
	return v
}

// bools returns a constant of type Bool.
func (t *Tracer) bools(values []bool, shape ...int) *value {
	data := onnx.Bools("", shape, values)
	key := fmt.Sprint("bools ", shape) + string(data.Data)
	if known := t.seen[key]; known != nil {
		return known
	}
	v := &value{name: t.unique("mask"), shape: shape, kind: onnx.Bool}
	t.seen[key], data.Name = v, v.name
	t.made.Initializers = append(t.made.Initializers, data)
	return v
}

// attribute is an onnx.Attribute of a node; sizes become int64.
func attribute(name string, v any) onnx.Attribute {
	switch x := v.(type) {
	case int:
		v = int64(x)
	case []int:
		all := make([]int64, len(x))
		for i, s := range x {
			all[i] = int64(s)
		}
		v = all
	case float64:
		v = float32(x)
	}
	return onnx.Attribute{Name: name, Value: v}
}

// node applies an operator and returns its output, of that shape and type. An equal node is used again.
func (t *Tracer) node(op string, kind onnx.Type, shape []int, inputs []*value, attributes ...onnx.Attribute) *value {
	names := make([]string, len(inputs))
	for i, v := range inputs {
		names[i] = t.nameOf(v)
	}
	key := fmt.Sprint(op, " ", strings.Join(names, " "), " ", attributes)
	if known := t.seen[key]; known != nil {
		return known
	}
	v := &value{name: t.unique(strings.ToLower(op)), shape: slices.Clone(shape), kind: kind}
	t.made.Nodes = append(t.made.Nodes, onnx.Node{Op: op, Name: v.name, Inputs: names, Outputs: []string{v.name}, Attributes: attributes})
	t.seen[key] = v
	return v
}

// float is node for an output of numbers with the shape of its first input.
func (t *Tracer) float(op string, inputs ...*value) *value {
	return t.node(op, onnx.Float, inputs[0].shape, inputs)
}

// cast converts the elements.
func (t *Tracer) cast(v *value, kind onnx.Type) *value {
	return t.node("Cast", kind, v.shape, []*value{v}, attribute("to", int(kind)))
}
