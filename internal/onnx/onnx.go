// Package onnx writes files of the Open Neural Network Exchange (https://onnx.ai), a graph of operators with its weights. They are
// one protobuf message, ModelProto of onnx.proto; the numbers of its fields stand in encode.go.
package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Opset is the version of the operators that graphs use. 17 is the first with LayerNormalization. Later ones have nothing that our
// graphs need, and older programs don't read them.
const Opset = 17

// irVersion is the version of the file format that came with the opset.
const irVersion = 8

// Type is the type of a tensor's elements, with the number of TensorProto.DataType.
type Type int

// The types that graphs use.
const (
	Float  Type = 1
	Int32  Type = 6
	Int64  Type = 7
	Bool   Type = 9
	Double Type = 11
)

// Model is a file: a graph with what its reader should know.
type Model struct {
	Producer, Version string // the program that wrote it
	Doc               string
	Metadata          [][2]string // keys and values
	Graph             Graph
}

// Graph is a function of its inputs. Nodes come after those whose outputs they read.
type Graph struct {
	Name            string
	Inputs, Outputs []Value
	Initializers    []Tensor // constants
	Nodes           []Node
}

// Value describes an input or an output.
type Value struct {
	Name, Doc string
	Type      Type
	Dims      []Dim
}

// Dim is the size of a dimension, or its name where it is chosen when the graph runs.
type Dim struct {
	Size int
	Name string
}

// Node is the application of an operator. An empty name of an input leaves out an optional one.
type Node struct {
	Op, Name        string
	Inputs, Outputs []string
	Attributes      []Attribute
}

// Attribute is a constant argument of a node. Its value is an int64, a []int64, a float32 or a string.
type Attribute struct {
	Name  string
	Value any
}

// Tensor is a constant. Data holds its elements in row-major order and little-endian.
type Tensor struct {
	Name string
	Type Type
	Dims []int
	Data []byte
}

// Floats returns a constant of type Float.
func Floats(name string, dims []int, values []float32) Tensor {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return Tensor{name, Float, dims, data}
}

// Doubles returns a constant of type Double.
func Doubles(name string, dims []int, values []float64) Tensor {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	return Tensor{name, Double, dims, data}
}

// Int32s returns a constant of type Int32.
func Int32s(name string, dims []int, values []int32) Tensor {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return Tensor{name, Int32, dims, data}
}

// Int64s returns a constant of type Int64.
func Int64s(name string, dims []int, values []int64) Tensor {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return Tensor{name, Int64, dims, data}
}

// Bools returns a constant of type Bool.
func Bools(name string, dims []int, values []bool) Tensor {
	data := make([]byte, len(values))
	for i, v := range values {
		if v {
			data[i] = 1
		}
	}
	return Tensor{name, Bool, dims, data}
}

// Prune removes the nodes and constants that no output depends on.
func (g *Graph) Prune() {
	wanted := map[string]bool{}
	for _, v := range g.Outputs {
		wanted[v.Name] = true
	}
	var nodes []Node
	for _, n := range slices.Backward(g.Nodes) {
		if slices.ContainsFunc(n.Outputs, func(name string) bool { return wanted[name] }) {
			nodes = append(nodes, n)
			for _, name := range n.Inputs {
				wanted[name] = true
			}
		}
	}
	slices.Reverse(nodes)
	g.Nodes = nodes
	g.Initializers = slices.DeleteFunc(g.Initializers, func(t Tensor) bool { return !wanted[t.Name] })
}

// String is how messages show a value: "images: float [N, 64, 64, 3]".
func (v Value) String() string {
	names := map[Type]string{Float: "float", Int32: "int32", Int64: "int64", Bool: "bool", Double: "double"}
	text := ""
	for i, d := range v.Dims {
		if i > 0 {
			text += ", "
		}
		if d.Name != "" {
			text += d.Name
		} else {
			text += fmt.Sprint(d.Size)
		}
	}
	return fmt.Sprintf("%s: %s [%s]", v.Name, names[v.Type], text)
}
