package onnx

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"reflect"
	"strings"
	"testing"
)

// tiny is y = x + 1 for a batch of rows of two numbers.
func tiny() *Model {
	return &Model{
		Producer: "bestiary", Version: "1", Doc: "adds 1", Metadata: [][2]string{{"kind", "tiny"}},
		Graph: Graph{
			Name:         "add",
			Inputs:       []Value{{Name: "x", Doc: "rows", Type: Float, Dims: []Dim{{Name: "N"}, {Size: 2}}}},
			Outputs:      []Value{{Name: "y", Type: Float, Dims: []Dim{{Name: "N"}, {Size: 2}}}},
			Initializers: []Tensor{Floats("one", []int{1}, []float32{1})},
			Nodes:        []Node{{Op: "Add", Name: "sum", Inputs: []string{"x", "one"}, Outputs: []string{"y"}}},
		},
	}
}

// TestTinyFile compares the bytes of a graph with those that were written down by hand from onnx.proto.
func TestTinyFile(t *testing.T) {
	var b bytes.Buffer
	if err := tiny().Write(&b); err != nil {
		t.Fatal(err)
	}
	value := func(name, doc string) string { // name, type {tensor {float, shape {N, 2}}}, doc
		kind := "0a0d" + "0801" + "1209" + "0a03" + "12014e" + "0a02" + "0802"
		if doc != "" {
			doc = "1a04" + hex.EncodeToString([]byte(doc))
		} else {
			doc = "1a00"
		}
		return "0a01" + hex.EncodeToString([]byte(name)) + "120f" + kind + doc
	}
	node := "0a0178" + "0a036f6e65" + "120179" + "1a0373756d" + "2203416464"
	one := "0801" + "1001" + "42036f6e65" + "4a040000803f"
	x, y := value("x", "rows"), value("y", "")
	sized := func(tag, content string) string {
		return tag + hex.EncodeToString([]byte{byte(len(content) / 2)}) + content
	}
	graph := sized("0a", node) + "1203616464" + sized("2a", one) + sized("5a", x) + sized("62", y)
	want := "0808" + "1208" + hex.EncodeToString([]byte("bestiary")) + "1a0131" + "3206" + hex.EncodeToString([]byte("adds 1")) +
		sized("3a", graph) + sized("42", "0a00"+"1011") + sized("72", "0a046b696e64"+"120474696e79")
	if got := hex.EncodeToString(b.Bytes()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// fields decodes a message: the payloads of each field in their order.
func fields(t *testing.T, b []byte) map[int][]any {
	t.Helper()
	all := map[int][]any{}
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		b = b[n:]
		field := int(tag >> 3)
		switch tag & 7 {
		case wireVarint:
			v, n := binary.Uvarint(b)
			all[field], b = append(all[field], int64(v)), b[n:]
		case wireFixed32:
			all[field], b = append(all[field], math.Float32frombits(binary.LittleEndian.Uint32(b))), b[4:]
		case wireBytes:
			size, n := binary.Uvarint(b)
			all[field], b = append(all[field], b[n:n+int(size)]), b[n+int(size):]
		default:
			t.Fatalf("wire type %d", tag&7)
		}
	}
	return all
}

// TestAttributes decodes attributes of all types, and a constant that is referenced rather than copied.
func TestAttributes(t *testing.T) {
	large := make([]float32, 3*referenced)
	large[5] = 2
	m := tiny()
	m.Graph.Initializers = append(m.Graph.Initializers, Floats("large", []int{3, referenced}, large))
	m.Graph.Nodes[0].Attributes = []Attribute{{"f", float32(0.5)}, {"i", int64(-3)}, {"s", "text"}, {"l", []int64{1, -1, 300}}}
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		t.Fatal(err)
	}
	graph := fields(t, fields(t, b.Bytes())[7][0].([]byte))
	node := fields(t, graph[1][0].([]byte))
	want := []map[int][]any{
		{1: {[]byte("f")}, 2: {float32(0.5)}, 20: {int64(1)}},
		{1: {[]byte("i")}, 3: {int64(-3)}, 20: {int64(2)}},
		{1: {[]byte("s")}, 4: {[]byte("text")}, 20: {int64(3)}},
		{1: {[]byte("l")}, 8: {int64(1), int64(-1), int64(300)}, 20: {int64(7)}},
	}
	for i, w := range want {
		if got := fields(t, node[5][i].([]byte)); !reflect.DeepEqual(got, w) {
			t.Errorf("attribute %d: got %v, want %v", i, got, w)
		}
	}
	constant := fields(t, graph[5][1].([]byte))
	if !reflect.DeepEqual(constant[1], []any{int64(3), int64(referenced)}) || !bytes.Equal(constant[9][0].([]byte), m.Graph.Initializers[1].Data) {
		t.Errorf("the large constant has the sizes %v and other bytes than it was made of", constant[1])
	}
	if y := fields(t, graph[12][0].([]byte)); string(y[1][0].([]byte)) != "y" { // what follows the constant is intact
		t.Errorf("the output is %q", y[1])
	}
}

// TestPrune removes what no output depends on, and nothing else.
func TestPrune(t *testing.T) {
	g := tiny().Graph
	g.Initializers = append(g.Initializers, Floats("two", []int{1}, []float32{2}))
	g.Nodes = append([]Node{{Op: "Neg", Inputs: []string{"two"}, Outputs: []string{"a"}}, {Op: "Neg", Inputs: []string{"a"}, Outputs: []string{"b"}}}, g.Nodes...)
	if g.Prune(); !reflect.DeepEqual(g, tiny().Graph) {
		t.Errorf("left are %+v", g)
	}
}

// TestTooLarge refuses what protobuf can't hold. The constants share their memory.
func TestTooLarge(t *testing.T) {
	m, data := tiny(), make([]byte, 1<<28)
	for range 8 {
		m.Graph.Initializers = append(m.Graph.Initializers, Tensor{Name: "c", Type: Float, Dims: []int{1 << 26}, Data: data})
	}
	err := m.Write(&bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "2147483647") {
		t.Errorf("the error is %v", err)
	}
}

// TestSignature shows values for people.
func TestSignature(t *testing.T) {
	if got := tiny().Graph.Inputs[0].String(); got != "x: float [N, 2]" {
		t.Errorf("got %q", got)
	}
}

// TestBuilder calls a graph twice in another: equal constants that were written by hand are one, and all names differ.
func TestBuilder(t *testing.T) {
	var b Builder
	x := b.Input(Value{Name: "x", Type: Float, Dims: []Dim{{Name: "N"}, {Size: 2}}})
	y := b.Call(&tiny().Graph, b.Op("Mul", b.Call(&tiny().Graph, x)[0], b.Float(2)))[0]
	b.Output(b.Op("Mul", y, b.Float(2)), Value{Name: "y", Type: Float})
	var got []string
	names := map[string]bool{}
	for _, n := range b.Graph.Nodes {
		got = append(got, n.Op+"("+strings.Join(n.Inputs, " ")+")="+n.Outputs[0])
		if names[n.Outputs[0]] || n.Name != n.Outputs[0] {
			t.Errorf("the node %s has the output %v", n.Name, n.Outputs)
		}
		names[n.Outputs[0]] = true
	}
	want := "Add(x one)=y Mul(y constant)=mul Add(mul one_2)=y_2 Mul(y_2 constant)=mul_2 Identity(mul_2)=y_3"
	if strings.Join(got, " ") != want || len(b.Initializers) != 3 {
		t.Errorf("%v, want %s", got, want)
	}
}
