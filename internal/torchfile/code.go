package torchfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

var errEnds = errors.New("its pickle is cut off")

// bytes reads n bytes.
func (m *machine) bytes(n uint64) ([]byte, error) {
	if n > uint64(len(m.code)-m.at) {
		return nil, errEnds
	}
	b := m.code[m.at : m.at+int(n)]
	m.at += int(n)
	return b, nil
}

func (m *machine) byte() (byte, error) {
	b, err := m.bytes(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// uint reads an unsigned integer of up to 8 bytes.
func (m *machine) uint(size uint64) (uint64, error) {
	b, err := m.bytes(size)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// long reads an integer in two's complement; the first byte is its length in bytes.
func (m *machine) long() (any, error) {
	size, err := m.byte()
	if err != nil {
		return nil, err
	}
	if size > 8 {
		return nil, fmt.Errorf("its pickle has an integer of %d bytes", size)
	}
	v, err := m.uint(uint64(size))
	shift := 64 - 8*uint(size)
	return int64(v<<shift) >> shift, err
}

// text reads a string with its length, which has size bytes. Strings of Python 2 are read as text, too.
func (m *machine) text(size uint64) (any, error) {
	n, err := m.uint(size)
	if err != nil {
		return nil, err
	}
	b, err := m.bytes(n)
	if err == nil && !utf8.Valid(b) {
		err = errors.New("its pickle has a string that is not UTF-8")
	}
	return string(b), err
}

// line reads up to the end of the line.
func (m *machine) line() (string, error) {
	n := bytes.IndexByte(m.code[m.at:], '\n')
	if n < 0 {
		return "", errEnds
	}
	line := string(m.code[m.at : m.at+n])
	m.at += n + 1
	return line, nil
}
