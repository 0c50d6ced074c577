package onnx

import (
	"encoding/binary"
	"io"
	"math"
)

// message is a protobuf message that is being written. Large payloads are referenced, not copied.
type message struct {
	chunks [][]byte
	size   int
	open   bool // the last chunk is ours to append to
}

// Wire types of protobuf.
const (
	wireVarint  = 0
	wireBytes   = 2
	wireFixed32 = 5
)

// referenced is the number of bytes from which on a payload is referenced.
const referenced = 4 << 10

// own appends bytes to the message's own memory.
func (m *message) own(b ...byte) {
	if !m.open {
		m.chunks, m.open = append(m.chunks, nil), true
	}
	last := &m.chunks[len(m.chunks)-1]
	*last = append(*last, b...)
	m.size += len(b)
}

func (m *message) varint(v uint64) { m.own(binary.AppendUvarint(nil, v)...) }

func (m *message) tag(field, wire int) { m.varint(uint64(field)<<3 | uint64(wire)) }

// integer writes a field of type int64, int32 or an enumeration.
func (m *message) integer(field int, v int64) {
	m.tag(field, wireVarint)
	m.varint(uint64(v))
}

// float writes a field of type float.
func (m *message) float(field int, v float32) {
	m.tag(field, wireFixed32)
	m.own(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v))...)
}

// text writes a field of type string.
func (m *message) text(field int, s string) { m.bytes(field, []byte(s)) }

// bytes writes a field of type bytes.
func (m *message) bytes(field int, b []byte) {
	m.tag(field, wireBytes)
	m.varint(uint64(len(b)))
	if len(b) < referenced {
		m.own(b...)
		return
	}
	m.chunks, m.open = append(m.chunks, b), false
	m.size += len(b)
}

// message writes a field that is a message.
func (m *message) message(field int, inner *message) {
	m.tag(field, wireBytes)
	m.varint(uint64(inner.size))
	if inner.size == 0 {
		return
	}
	m.chunks, m.open = append(m.chunks, inner.chunks...), inner.open
	m.size += inner.size
}

// writeTo writes the encoded message.
func (m *message) writeTo(w io.Writer) error {
	for _, c := range m.chunks {
		if _, err := w.Write(c); err != nil {
			return err
		}
	}
	return nil
}
