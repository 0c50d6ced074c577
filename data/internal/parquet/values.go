package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Encodings of values.
const (
	encodingPlain           = 0
	encodingPlainDictionary = 2
	encodingRLE             = 3
	encodingDelta           = 5
	encodingDeltaLength     = 6
	encodingDeltaBytes      = 7
	encodingDictionary      = 8
)

var (
	errValues = errors.New("a page is cut off")
	errDelta  = errors.New("a damaged delta encoding")
)

// decoding returns the function that returns the values of a page, one after the other.
func (d *decoder) decoding(h header, b []byte) (func() (Value, error), error) {
	kind := d.column.Kind
	switch {
	case h.encoding == encodingPlain:
		return plain(d.column, b), nil
	case h.encoding == encodingPlainDictionary || h.encoding == encodingDictionary:
		if len(b) == 0 {
			return func() (Value, error) { return Value{}, errValues }, nil
		}
		width := int(b[0])
		if width > 32 {
			return nil, fmt.Errorf("dictionary indices of %d bits", width)
		}
		indices := newHybrid(b[1:], width)
		return func() (Value, error) {
			i, err := indices.next()
			if err == nil && i >= uint64(len(d.dictionary)) {
				err = fmt.Errorf("value %d of a dictionary of %d", i, len(d.dictionary))
			}
			if err != nil {
				return Value{}, err
			}
			return d.dictionary[i], nil
		}, nil
	case h.encoding == encodingRLE && kind == Boolean:
		runs, _, err := prefixed(b)
		if err != nil {
			return nil, err
		}
		levels := newHybrid(runs, 1)
		return func() (Value, error) {
			v, err := levels.next()
			return Value{Int: int64(v)}, err
		}, nil
	case h.encoding == encodingDelta && (kind == Int32 || kind == Int64):
		numbers, _, err := deltas(b, h.values)
		return fromInts(numbers), err
	case h.encoding == encodingDeltaLength && kind == Bytes:
		return deltaLengths(b, h.values)
	case h.encoding == encodingDeltaBytes && (kind == Bytes || kind == FixedBytes):
		return deltaBytes(b, h)
	}
	return nil, fmt.Errorf("encoding %d of %s is not read; write the file again without it", h.encoding, kind)
}

// plain returns the values of the plain encoding.
func plain(c *Column, b []byte) func() (Value, error) {
	take := func(n int) ([]byte, error) {
		if n < 0 || n > len(b) {
			return nil, errValues
		}
		v := b[:n:n]
		b = b[n:]
		return v, nil
	}
	bit := 0
	return func() (v Value, err error) {
		var raw []byte
		switch c.Kind {
		case Boolean:
			if bit/8 >= len(b) {
				return v, errValues
			}
			v.Int = int64(b[bit/8] >> (bit % 8) & 1)
			bit++
		case Int32:
			if raw, err = take(4); err == nil {
				v.Int = int64(int32(binary.LittleEndian.Uint32(raw)))
			}
		case Int64:
			if raw, err = take(8); err == nil {
				v.Int = int64(binary.LittleEndian.Uint64(raw))
			}
		case Float:
			if raw, err = take(4); err == nil {
				v.Float = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))
			}
		case Double:
			if raw, err = take(8); err == nil {
				v.Float = math.Float64frombits(binary.LittleEndian.Uint64(raw))
			}
		case Bytes:
			if raw, err = take(4); err == nil {
				v.Bytes, err = take(int(binary.LittleEndian.Uint32(raw)))
			}
		case FixedBytes:
			v.Bytes, err = take(c.width)
		default:
			err = fmt.Errorf("%s are not read", c.Kind)
		}
		return v, err
	}
}

// fromInts returns integers one after the other.
func fromInts(numbers []int64) func() (Value, error) {
	return func() (Value, error) {
		if len(numbers) == 0 {
			return Value{}, errValues
		}
		v := numbers[0]
		numbers = numbers[1:]
		return Value{Int: v}, nil
	}
}

// hybrid decodes the hybrid of run lengths and packed bits: a varint of twice the length and 0, then a value; or of twice
// the number of groups of 8 and 1, then packed values.
type hybrid struct {
	b      []byte
	width  int // bits of a value
	left   uint64
	packed bool
	value  uint64 // of the run
	bit    int    // in b, of packed values
}

func newHybrid(b []byte, width int) *hybrid { return &hybrid{b: b, width: width} }

func (h *hybrid) next() (uint64, error) {
	for h.left == 0 {
		if h.packed {
			h.b, h.bit, h.packed = h.b[min((h.bit+7)/8, len(h.b)):], 0, false
		}
		n, size := binary.Uvarint(h.b)
		if size <= 0 {
			return 0, errValues
		}
		h.b = h.b[size:]
		if h.packed = n&1 == 1; h.packed {
			if n>>1 > 1<<31 {
				return 0, errValues
			}
			h.left = n >> 1 * 8
			continue
		}
		h.left, h.value = n>>1, 0
		bytes := (h.width + 7) / 8
		if len(h.b) < bytes {
			return 0, errValues
		}
		for i := range bytes {
			h.value |= uint64(h.b[i]) << (8 * i)
		}
		h.b = h.b[bytes:]
	}
	h.left--
	if !h.packed {
		return h.value, nil
	}
	v, ok := bitsAt(h.b, h.bit, h.width)
	h.bit += h.width
	if !ok {
		return 0, errValues
	}
	return v, nil
}

// bitsAt returns up to 64 bits at a position, the lowest first.
func bitsAt(b []byte, at, width int) (v uint64, ok bool) {
	if at+width > 8*len(b) {
		return 0, false
	}
	for i := 0; i < width; {
		n := min(8-at%8, width-i)
		v |= uint64(b[at/8]>>(at%8)&(1<<n-1)) << i
		i, at = i+n, at+n
	}
	return v, true
}
