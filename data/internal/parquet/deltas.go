package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// prefixed cuts bytes after their length in four bytes.
func prefixed(b []byte) (content, rest []byte, err error) {
	if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
		return nil, nil, errValues
	}
	n := 4 + int(binary.LittleEndian.Uint32(b))
	return b[4:n], b[n:], nil
}

// deltas decodes at most n integers of DELTA_BINARY_PACKED: blocks of miniblocks of packed differences.
func deltas(b []byte, most int64) (numbers []int64, rest []byte, err error) {
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			err = errDelta
			return 0
		}
		b = b[n:]
		return v
	}
	signed := func() int64 {
		v := next()
		return int64(v>>1) ^ -int64(v&1)
	}
	block, minis, total, value := next(), next(), next(), signed()
	if err != nil || total > uint64(most) || minis == 0 || block == 0 || block > 1<<20 || block%128 != 0 || block%minis != 0 || block/minis%32 != 0 {
		return nil, nil, errDelta
	}
	size := int(block / minis)
	if total > 0 {
		numbers = append(numbers, value)
	}
	for uint64(len(numbers)) < total {
		least := signed()
		if err != nil || uint64(len(b)) < minis {
			return nil, nil, errDelta
		}
		widths := b[:minis]
		b = b[minis:]
		for _, width := range widths {
			if uint64(len(numbers)) == total {
				break // the miniblocks that follow are not there
			}
			if width > 64 || len(b) < size*int(width)/8 {
				return nil, nil, errDelta
			}
			for i := 0; i < size && uint64(len(numbers)) < total; i++ {
				delta, _ := bitsAt(b, i*int(width), int(width))
				value += least + int64(delta)
				numbers = append(numbers, value)
			}
			b = b[size*int(width)/8:]
		}
	}
	return numbers, b, nil
}

// deltaLengths returns the values of DELTA_LENGTH_BYTE_ARRAY: lengths, then all bytes.
func deltaLengths(b []byte, values int64) (func() (Value, error), error) {
	lengths, b, err := deltas(b, values)
	if err != nil {
		return nil, err
	}
	return func() (Value, error) {
		if len(lengths) == 0 || lengths[0] < 0 || lengths[0] > int64(len(b)) {
			return Value{}, errValues
		}
		n := lengths[0]
		v := b[:n:n]
		lengths, b = lengths[1:], b[n:]
		return Value{Bytes: v}, nil
	}, nil
}

// deltaBytes returns the values of DELTA_BYTE_ARRAY: the lengths of the prefixes shared with the value before, then the
// suffixes.
func deltaBytes(b []byte, h header) (func() (Value, error), error) {
	prefixes, b, err := deltas(b, h.values)
	if err != nil {
		return nil, err
	}
	suffix, err := deltaLengths(b, h.values)
	if err != nil {
		return nil, err
	}
	var last []byte
	budget := max(smallPage, maxRatio*h.packed)
	return func() (Value, error) {
		v, err := suffix()
		if err != nil || len(prefixes) == 0 || prefixes[0] < 0 || prefixes[0] > int64(len(last)) {
			return v, errValues
		}
		last = bytes.Join([][]byte{last[:prefixes[0]], v.Bytes}, nil)
		prefixes = prefixes[1:]
		if budget -= int64(len(last)); budget < 0 {
			return v, errors.New("values that unpack to more than we allow")
		}
		return Value{Bytes: last}, nil
	}, nil
}
