package onnx

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Builder writes a graph node by node. Values are their names.
type Builder struct {
	Graph
	used map[string]int // names, and how often each was wanted
}

// Name returns a name that no other value has.
func (b *Builder) Name(wish string) string {
	if b.used == nil {
		b.used = map[string]int{}
	}
	b.used[wish]++
	if n := b.used[wish]; n > 1 {
		return b.Name(fmt.Sprintf("%s_%d", wish, n))
	}
	return wish
}

// Input adds an input.
func (b *Builder) Input(v Value) string {
	v.Name = b.Name(v.Name)
	b.Inputs = append(b.Inputs, v)
	return v.Name
}

// Output makes a value the output v.
func (b *Builder) Output(value string, v Value) {
	v.Name = b.Name(v.Name)
	b.Outputs = append(b.Outputs, v)
	b.Graph.Nodes = append(b.Graph.Nodes, Node{Op: "Identity", Name: v.Name, Inputs: []string{value}, Outputs: []string{v.Name}})
}

// Nodes applies an operator and returns its n outputs.
func (b *Builder) Nodes(n int, op string, inputs []string, attributes ...Attribute) []string {
	outputs := make([]string, n)
	for i := range outputs {
		outputs[i] = b.Name(strings.ToLower(op))
	}
	b.Graph.Nodes = append(b.Graph.Nodes, Node{Op: op, Name: outputs[0], Inputs: inputs, Outputs: outputs, Attributes: attributes})
	return outputs
}

// Node applies an operator and returns its first output.
func (b *Builder) Node(op string, inputs []string, attributes ...Attribute) string {
	return b.Nodes(1, op, inputs, attributes...)[0]
}

// Op is Node for an operator without attributes.
func (b *Builder) Op(op string, inputs ...string) string { return b.Node(op, inputs) }

// Ints returns a constant vector of type Int64.
func (b *Builder) Ints(values ...int64) string {
	return b.constant(Int64s("", []int{len(values)}, values))
}

// Floats returns a constant of type Float and that shape.
func (b *Builder) Floats(values []float32, shape ...int) string {
	return b.constant(Floats("", shape, values))
}

// Float returns a constant number.
func (b *Builder) Float(v float64) string { return b.Floats([]float32{float32(v)}) }

// constant returns a constant; equal ones are one.
func (b *Builder) constant(t Tensor) string {
	for _, c := range b.Initializers {
		if c.Type == t.Type && slices.Equal(c.Dims, t.Dims) && bytes.Equal(c.Data, t.Data) {
			return c.Name
		}
	}
	t.Name = b.Name("constant")
	b.Initializers = append(b.Initializers, t)
	return t.Name
}

// Call adds the nodes of another graph, with inputs in the place of its own, and returns its outputs.
func (b *Builder) Call(g *Graph, inputs ...string) (outputs []string) {
	names := map[string]string{"": ""}
	for i, v := range g.Inputs {
		names[v.Name] = inputs[i]
	}
	for _, t := range g.Initializers {
		names[t.Name] = b.Name(t.Name)
		t.Name = names[t.Name]
		b.Initializers = append(b.Initializers, t)
	}
	for _, n := range g.Nodes {
		own := Node{Op: n.Op, Attributes: n.Attributes}
		for _, in := range n.Inputs {
			own.Inputs = append(own.Inputs, names[in])
		}
		for _, out := range n.Outputs {
			names[out] = b.Name(out)
			own.Outputs = append(own.Outputs, names[out])
		}
		own.Name = own.Outputs[0]
		b.Graph.Nodes = append(b.Graph.Nodes, own)
	}
	for _, v := range g.Outputs {
		outputs = append(outputs, names[v.Name])
	}
	return outputs
}
