package picture

import (
	"errors"
	"io"
	"math/bits"
)

// codes maps the next 16 bits to a symbol and the length of its code: symbol<<8 | length, or 0.
type codes [1 << 16]uint16

func (d *scaled) huffman(c []byte) error {
	for len(c) > 0 {
		if len(c) < 17 {
			return errSegment
		}
		class, table := c[0]>>4, c[0]&15
		counts, symbols := c[1:17], c[17:]
		if class > 1 || table > 3 {
			return errSegment
		}
		t := new(codes)
		next := 0
		for i, n := range counts {
			for range n {
				space := 1 << (15 - i)
				if len(symbols) == 0 || next+space > len(t) {
					return errSegment
				}
				for k := range space {
					t[next+k] = uint16(symbols[0])<<8 | uint16(i+1)
				}
				next, symbols = next+space, symbols[1:]
			}
		}
		d.tables[class][table], c = t, symbols
	}
	return nil
}

// bitReader reads the entropy-coded data of a scan.
type bitReader struct {
	b    []byte
	bits uint64
	n    int
}

var errCode = errors.New("a JPEG with damaged pixels")

// fill reads until there are 32 bits, or the data of the scan end.
func (r *bitReader) fill() {
	for r.n <= 48 && len(r.b) > 0 {
		next := r.b[0]
		if next == 0xff {
			if len(r.b) < 2 || r.b[1] != 0 {
				return // a marker
			}
			r.b = r.b[1:] // the zero is stuffed
		}
		r.b = r.b[1:]
		r.bits, r.n = r.bits<<8|uint64(next), r.n+8
	}
}

// take reads n bits, at most 16.
func (r *bitReader) take(n int) (int32, error) {
	if n == 0 {
		return 0, nil
	}
	if r.n < n {
		if r.fill(); r.n < n {
			return 0, io.ErrUnexpectedEOF
		}
	}
	r.n -= n
	return int32(r.bits >> r.n & (1<<n - 1)), nil
}

// symbol reads a Huffman code.
func (r *bitReader) symbol(t *codes) (byte, error) {
	if r.n < 16 {
		r.fill()
	}
	var next uint16
	if r.n >= 16 {
		next = uint16(r.bits >> (r.n - 16))
	} else {
		next = uint16(r.bits << (16 - r.n)) // the end of the data
	}
	found := t[next]
	length := int(found & 0xff)
	switch {
	case length == 0 && r.n < 16, length > r.n:
		return 0, io.ErrUnexpectedEOF
	case length == 0:
		return 0, errCode
	}
	r.n -= length
	return byte(found >> 8), nil
}

// restart skips the rest of a byte and a restart marker.
func (r *bitReader) restart() error {
	r.bits, r.n = 0, 0
	for len(r.b) > 1 && r.b[1] == 0xff { // fill bytes
		r.b = r.b[1:]
	}
	if len(r.b) < 2 || r.b[0] != 0xff || bits.LeadingZeros8(r.b[1]^0xd0) < 5 {
		return errCode
	}
	r.b = r.b[2:]
	return nil
}
