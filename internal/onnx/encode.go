package onnx

import (
	"fmt"
	"io"
	"math"
)

// maxSize is the largest size of a protobuf message in bytes.
const maxSize = math.MaxInt32

// Write writes the file. It is an error if the file would be larger than protobuf allows, 2 GB.
func (m *Model) Write(w io.Writer) error {
	encoded := m.encode()
	if encoded.size > maxSize {
		return fmt.Errorf("the graph %s takes %d bytes, but an ONNX file has %d at most; export a smaller model", m.Graph.Name, encoded.size, maxSize)
	}
	return encoded.writeTo(w)
}

// encode returns a ModelProto.
func (m *Model) encode() *message {
	p := &message{}
	p.integer(1, irVersion)
	p.text(2, m.Producer)
	p.text(3, m.Version)
	p.text(6, m.Doc)
	p.message(7, m.Graph.encode())
	opset := &message{}
	opset.text(1, "") // the domain of the standard operators
	opset.integer(2, Opset)
	p.message(8, opset)
	for _, entry := range m.Metadata {
		pair := &message{}
		pair.text(1, entry[0])
		pair.text(2, entry[1])
		p.message(14, pair)
	}
	return p
}

// encode returns a GraphProto.
func (g *Graph) encode() *message {
	p := &message{}
	for _, n := range g.Nodes {
		p.message(1, n.encode())
	}
	p.text(2, g.Name)
	for _, t := range g.Initializers {
		p.message(5, t.encode())
	}
	for _, v := range g.Inputs {
		p.message(11, v.encode())
	}
	for _, v := range g.Outputs {
		p.message(12, v.encode())
	}
	return p
}

// encode returns a NodeProto.
func (n *Node) encode() *message {
	p := &message{}
	for _, name := range n.Inputs {
		p.text(1, name)
	}
	for _, name := range n.Outputs {
		p.text(2, name)
	}
	p.text(3, n.Name)
	p.text(4, n.Op)
	for _, a := range n.Attributes {
		p.message(5, a.encode())
	}
	return p
}

// encode returns an AttributeProto.
func (a *Attribute) encode() *message {
	p := &message{}
	p.text(1, a.Name)
	kind := int64(0) // of AttributeType
	switch v := a.Value.(type) {
	case float32:
		p.float(2, v)
		kind = 1
	case int64:
		p.integer(3, v)
		kind = 2
	case string:
		p.text(4, v)
		kind = 3
	case []int64:
		for _, i := range v {
			p.integer(8, i)
		}
		kind = 7
	default:
		panic(fmt.Sprintf("onnx: attribute %s of type %T", a.Name, a.Value))
	}
	p.integer(20, kind)
	return p
}

// encode returns a TensorProto.
func (t *Tensor) encode() *message {
	p := &message{}
	for _, d := range t.Dims {
		p.integer(1, int64(d))
	}
	p.integer(2, int64(t.Type))
	p.text(8, t.Name)
	p.bytes(9, t.Data)
	return p
}

// encode returns a ValueInfoProto.
func (v *Value) encode() *message {
	shape := &message{}
	for _, d := range v.Dims {
		dim := &message{}
		if d.Name != "" {
			dim.text(2, d.Name)
		} else {
			dim.integer(1, int64(d.Size))
		}
		shape.message(1, dim)
	}
	tensor := &message{}
	tensor.integer(1, int64(v.Type))
	tensor.message(2, shape)
	kind := &message{}
	kind.message(1, tensor)
	p := &message{}
	p.text(1, v.Name)
	p.message(2, kind)
	p.text(3, v.Doc)
	return p
}
