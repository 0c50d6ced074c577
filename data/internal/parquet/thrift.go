package parquet

import (
	"encoding/binary"
	"errors"
)

// Types of the compact protocol of Thrift (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

// maxDepth bounds the recursion of damaged input.
const maxDepth = 32

var (
	errThrift = errors.New("a damaged Thrift structure")
	errShort  = errors.New("a Thrift structure is cut off")
)

// thrift reads the compact protocol. It allocates nothing, so a list that claims to be long costs nothing. After an error,
// every call returns zero values.
type thrift struct {
	b     []byte
	at    int
	depth int
	err   error
}

func (t *thrift) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *thrift) byte() byte {
	if t.err != nil || t.at >= len(t.b) {
		t.fail(errShort)
		return 0
	}
	t.at++
	return t.b[t.at-1]
}

func (t *thrift) uvarint() uint64 {
	if t.err != nil {
		return 0
	}
	v, n := binary.Uvarint(t.b[t.at:])
	if n <= 0 {
		t.fail(errShort)
		return 0
	}
	t.at += n
	return v
}

// int reads an integer of any size.
func (t *thrift) int() int64 {
	v := t.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// binary reads bytes or text, not copied.
func (t *thrift) binary() []byte {
	n := t.uvarint()
	if t.err != nil || n > uint64(len(t.b)-t.at) {
		t.fail(errShort)
		return nil
	}
	t.at += int(n)
	return t.b[t.at-int(n) : t.at]
}

// fields calls f with the fields of a structure. f reads the value, or returns false to skip it. The value of a truth value
// is its kind.
func (t *thrift) fields(f func(id int, kind byte) bool) {
	if t.depth++; t.depth > maxDepth {
		t.fail(errThrift)
	}
	id := 0
	for t.err == nil {
		head := t.byte()
		kind := head & 15
		if kind == thriftStop {
			break
		}
		if delta := int(head >> 4); delta != 0 {
			id += delta
		} else {
			id = int(int16(t.int()))
		}
		if t.err == nil && !f(id, kind) {
			t.skip(kind)
		}
	}
	t.depth--
}

// list calls f for each element of a list of a kind. A list of another kind is an error.
func (t *thrift) list(kind byte, f func()) {
	head := t.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = t.uvarint()
	}
	if n > uint64(len(t.b)-t.at) || n > 0 && head&15 != kind { // an element takes at least a byte
		t.fail(errThrift)
	}
	for ; n > 0 && t.err == nil; n-- {
		f()
	}
}

// skip skips a value.
func (t *thrift) skip(kind byte) {
	if t.depth++; t.depth > maxDepth {
		t.fail(errThrift)
	}
	switch kind {
	case thriftTrue, thriftFalse:
	case thriftByte:
		t.byte()
	case thriftI16, thriftI32, thriftI64:
		t.uvarint()
	case thriftDouble:
		t.jump(8)
	case thriftUUID:
		t.jump(16)
	case thriftBinary:
		t.binary()
	case thriftList, thriftSet:
		if t.at < len(t.b) {
			element := t.b[t.at] & 15
			t.list(element, func() { t.skipElement(element) })
		} else {
			t.fail(errShort)
		}
	case thriftMap:
		if n := t.uvarint(); n > 0 {
			kinds := t.byte()
			if n > uint64(len(t.b)-t.at) {
				t.fail(errThrift)
			}
			for ; n > 0 && t.err == nil; n-- {
				t.skipElement(kinds >> 4)
				t.skipElement(kinds & 15)
			}
		}
	case thriftStruct:
		t.fields(func(int, byte) bool { return false })
	default:
		t.fail(errThrift)
	}
	t.depth--
}

// skipElement skips an element of a container, where a truth value takes a byte.
func (t *thrift) skipElement(kind byte) {
	if kind == thriftTrue || kind == thriftFalse {
		kind = thriftByte
	}
	t.skip(kind)
}

func (t *thrift) jump(n int) {
	if t.err != nil || n > len(t.b)-t.at {
		t.fail(errShort)
		return
	}
	t.at += n
}
