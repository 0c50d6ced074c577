package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	maxFooter = 64 << 20 // bytes
	spareRows = 1 << 16  // the number of rows may exceed that of bytes by this
)

// readFooter reads the metadata at the end of the file.
func (f *File) readFooter() error {
	const tail = 8 // length and magic
	if f.size < int64(len(magic)+tail) {
		return fmt.Errorf("it is cut off after %d bytes", f.size)
	}
	end := make([]byte, tail)
	if _, err := f.file.ReadAt(end, f.size-tail); err != nil {
		return err
	}
	switch string(end[4:]) {
	case magic:
	case "PARE":
		return errors.New("it is encrypted")
	default:
		return errors.New("it is cut off: it does not end with PAR1")
	}
	n := int64(binary.LittleEndian.Uint32(end))
	if n > f.size-int64(len(magic)+tail) || n > maxFooter {
		return fmt.Errorf("it claims a footer of %d bytes in a file of %d", n, f.size)
	}
	footer := make([]byte, n)
	if _, err := f.file.ReadAt(footer, f.size-tail-n); err != nil {
		return err
	}
	var nodes []node
	t := &thrift{b: footer}
	t.fields(func(id int, kind byte) bool {
		switch {
		case id == 2 && kind == thriftList:
			t.list(thriftStruct, func() { nodes = append(nodes, readNode(t)) })
		case id == 4 && kind == thriftList:
			t.list(thriftStruct, func() { f.groups = append(f.groups, readGroup(t)) })
		case id == 5 && kind == thriftList:
			t.list(thriftStruct, func() { f.readKeyValue(t) })
		default:
			return false
		}
		return true
	})
	if t.err != nil {
		return t.err
	}
	return f.check(nodes)
}

// node is an element of the schema, which is a tree in depth-first order.
type node struct {
	name       string
	kind       Kind // −1: a group
	width      int
	repetition int64 // 0: required, 1: optional, 2: repeated
	children   int64
}

func readNode(t *thrift) node {
	n := node{kind: -1}
	t.fields(func(id int, kind byte) bool {
		switch {
		case id == 1 && kind == thriftI32:
			n.kind = Kind(min(max(t.int(), 0), 100))
		case id == 2 && kind == thriftI32:
			n.width = int(t.int())
		case id == 3 && kind == thriftI32:
			n.repetition = t.int()
		case id == 4 && kind == thriftBinary:
			n.name = string(t.binary())
		case id == 5 && kind == thriftI32:
			n.children = t.int()
		default:
			return false
		}
		return true
	})
	return n
}

func readGroup(t *thrift) (g group) {
	t.fields(func(id int, kind byte) bool {
		switch {
		case id == 1 && kind == thriftList:
			t.list(thriftStruct, func() {
				var c chunk
				t.fields(func(id int, kind byte) bool {
					if id != 3 || kind != thriftStruct {
						return false
					}
					c = readChunk(t)
					return true
				})
				g.chunks = append(g.chunks, c)
			})
		case id == 3 && kind == thriftI64:
			g.rows = t.int()
		default:
			return false
		}
		return true
	})
	return g
}

func readChunk(t *thrift) (c chunk) {
	t.fields(func(id int, kind byte) bool {
		switch {
		case id == 4 && kind == thriftI32:
			c.codec = t.int()
		case id == 5 && kind == thriftI64:
			c.values = t.int()
		case id == 9 && kind == thriftI64:
			c.data = t.int()
		case id == 11 && kind == thriftI64:
			c.dict = t.int()
		default:
			return false
		}
		return true
	})
	return c
}

func (f *File) readKeyValue(t *thrift) {
	var key, value string
	t.fields(func(id int, kind byte) bool {
		switch {
		case id == 1 && kind == thriftBinary:
			key = string(t.binary())
		case id == 2 && kind == thriftBinary:
			value = string(t.binary())
		default:
			return false
		}
		return true
	})
	f.Metadata[key] = value
}

// check makes the columns of the schema, and compares the row groups with them.
func (f *File) check(nodes []node) error {
	if len(nodes) == 0 {
		return errors.New("it has no schema")
	}
	rest, err := f.flatten(nodes[1:], nodes[0].children, Column{}, 0)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errors.New("its schema has parts that belong to nothing")
	}
	rows := int64(0)
	for _, g := range f.groups {
		if g.rows < 0 || g.rows > f.size+spareRows-rows {
			return fmt.Errorf("it claims more rows than fit in %d bytes", f.size)
		}
		rows += g.rows
		if len(g.chunks) != len(f.Columns) {
			return fmt.Errorf("a row group has %d columns, the schema %d", len(g.chunks), len(f.Columns))
		}
	}
	f.Rows = int(rows)
	return nil
}

// flatten adds the columns of n nodes, of which parent is the group, and returns the nodes after them.
func (f *File) flatten(nodes []node, n int64, parent Column, depth int) ([]node, error) {
	if depth > maxDepth {
		return nil, errors.New("its schema is nested too deeply")
	}
	for ; n > 0; n-- {
		if len(nodes) == 0 {
			return nil, errors.New("its schema is cut off")
		}
		node := nodes[0]
		nodes = nodes[1:]
		c := parent
		c.Path = strings.TrimPrefix(parent.Path+"."+node.name, ".")
		c.Kind, c.width, c.index = node.kind, node.width, len(f.Columns)
		c.Repeated = parent.Repeated || node.repetition == 2
		if node.repetition != 0 {
			c.depth++
		}
		if node.kind >= 0 {
			f.Columns = append(f.Columns, c)
			continue
		}
		var err error
		if nodes, err = f.flatten(nodes, node.children, c, depth+1); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}
