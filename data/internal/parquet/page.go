package parquet

import (
	"errors"
	"fmt"
	"math/bits"
)

// Limits of pages, in bytes.
const (
	maxHeader  = 16 << 20 // of a header, which may hold the smallest and the largest value
	maxRatio   = 256      // unpacked to packed
	smallPage  = 16 << 20 // a page may unpack to this whatever its size
	maxPage    = 1 << 30
	firstGuess = 1 << 12 // of a header's size
)

// Kinds of pages.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPage2      = 3
)

// Read calls f with the values of a column in the order of the rows, until f returns false.
func (f *File) Read(c *Column, yield func(row int, v Value) bool) error {
	if c.Repeated {
		return fmt.Errorf("column %s is a list", c.Path)
	}
	row := 0
	for _, g := range f.groups {
		on, err := f.readChunk(c, g, func(v Value) bool {
			row++
			return yield(row-1, v)
		})
		if err != nil || !on {
			return err
		}
	}
	return nil
}

// readChunk reads a chunk. on is false if yield has returned false.
func (f *File) readChunk(c *Column, g group, yield func(Value) bool) (on bool, err error) {
	ch := g.chunks[c.index]
	if ch.values != g.rows {
		return false, damaged{fmt.Errorf("column %s has %d values in a group of %d rows", c.Path, ch.values, g.rows)}
	}
	at := ch.data
	if ch.dict > 0 && ch.dict < at {
		at = ch.dict
	}
	d := &decoder{column: c}
	for left := g.rows; left > 0; {
		h, err := f.pageHeader(at)
		if err != nil {
			return false, damaged{fmt.Errorf("column %s, page at byte %d: %w", c.Path, at, err)}
		}
		content := make([]byte, h.packed)
		if _, err := f.file.ReadAt(content, at+h.length); err != nil {
			return false, err
		}
		at += h.length + h.packed
		switch h.kind {
		case dictionaryPage:
			err = d.setDictionary(h, ch.codec, content)
		case dataPage, dataPage2:
			if h.values > left {
				err = fmt.Errorf("%d values where %d are left", h.values, left)
				break
			}
			left -= h.values
			on, err = d.values(h, ch.codec, content, yield)
			if err == nil && !on {
				return false, nil
			}
		}
		if err != nil {
			return false, damaged{fmt.Errorf("column %s: %w", c.Path, err)}
		}
	}
	return true, nil
}

// header is the header of a page.
type header struct {
	length           int64 // of the header, in bytes
	kind             int64
	unpacked, packed int64
	values           int64
	encoding         int64
	levels           int64 // version 2: bytes of the levels, which are not packed
	definitions      int64 // version 2: those of them that are definition levels
	raw              bool  // version 2: the values are not packed
}

// pageHeader reads and checks the header at an offset.
func (f *File) pageHeader(at int64) (header, error) {
	if at < int64(len(magic)) || at >= f.size {
		return header{}, errors.New("outside the file")
	}
	for guess := int64(firstGuess); ; guess *= 8 {
		b := make([]byte, min(guess, f.size-at))
		if _, err := f.file.ReadAt(b, at); err != nil {
			return header{}, err
		}
		h, err := parseHeader(b)
		if errors.Is(err, errShort) && int64(len(b)) == guess && guess < maxHeader {
			continue
		}
		if err != nil {
			return h, err
		}
		switch {
		case h.packed < 0 || h.packed > f.size-at-h.length:
			return h, fmt.Errorf("%d bytes, more than follow", h.packed)
		case h.unpacked < 0 || h.unpacked > maxPage || h.unpacked > max(smallPage, maxRatio*h.packed):
			return h, fmt.Errorf("%d bytes that unpack to %d, more than we allow", h.packed, h.unpacked)
		case h.values < 0 || h.definitions < 0 || h.levels < h.definitions || h.levels > min(h.packed, h.unpacked):
			return h, errors.New("the header contradicts itself")
		}
		return h, nil
	}
}

func parseHeader(b []byte) (h header, err error) {
	h.kind = -1
	t := &thrift{b: b}
	repetitions := int64(0)
	t.fields(func(id int, kind byte) bool {
		switch {
		case id == 1 && kind == thriftI32:
			h.kind = t.int()
		case id == 2 && kind == thriftI32:
			h.unpacked = t.int()
		case id == 3 && kind == thriftI32:
			h.packed = t.int()
		case (id == 5 || id == 7) && kind == thriftStruct: // data, dictionary
			t.fields(func(id int, kind byte) bool {
				switch {
				case id == 1 && kind == thriftI32:
					h.values = t.int()
				case id == 2 && kind == thriftI32:
					h.encoding = t.int()
				default:
					return false
				}
				return true
			})
		case id == 8 && kind == thriftStruct: // data, version 2
			t.fields(func(id int, kind byte) bool {
				switch {
				case id == 1 && kind == thriftI32:
					h.values = t.int()
				case id == 4 && kind == thriftI32:
					h.encoding = t.int()
				case id == 5 && kind == thriftI32:
					h.definitions = t.int()
				case id == 6 && kind == thriftI32:
					repetitions = t.int()
				case id == 7:
					h.raw = kind == thriftFalse
				default:
					return false
				}
				return true
			})
		default:
			return false
		}
		return true
	})
	h.length, h.levels = int64(t.at), h.definitions+repetitions
	if t.err == nil && h.kind < 0 {
		t.err = errThrift
	}
	if repetitions < 0 {
		h.levels = -1
	}
	return h, t.err
}

// decoder decodes the pages of a chunk.
type decoder struct {
	column     *Column
	dictionary []Value
}

// setDictionary decodes a dictionary page.
func (d *decoder) setDictionary(h header, codec int64, content []byte) error {
	b, err := unpack(codec, content, int(h.unpacked))
	if err != nil {
		return err
	}
	if h.values > int64(len(b)) {
		return fmt.Errorf("a dictionary of %d values in %d bytes", h.values, len(b))
	}
	d.dictionary = d.dictionary[:0:0]
	next := plain(d.column, b)
	for range h.values {
		v, err := next()
		if err != nil {
			return err
		}
		d.dictionary = append(d.dictionary, v)
	}
	return nil
}

// values decodes a data page. on is false if yield has returned false.
func (d *decoder) values(h header, codec int64, content []byte, yield func(Value) bool) (on bool, err error) {
	var definitions []byte
	if h.kind == dataPage2 {
		definitions = content[h.levels-h.definitions : h.levels]
		content = content[h.levels:]
		h.unpacked -= h.levels
		if h.raw {
			codec = 0
		}
	}
	b, err := unpack(codec, content, int(h.unpacked))
	if err != nil {
		return false, err
	}
	if h.kind == dataPage && d.column.depth > 0 {
		if definitions, b, err = prefixed(b); err != nil {
			return false, err
		}
	}
	levels := newHybrid(definitions, bits.Len(uint(d.column.depth)))
	next, err := d.decoding(h, b)
	if err != nil {
		return false, err
	}
	for range h.values {
		v := Value{Null: true}
		level := uint64(d.column.depth)
		if level > 0 {
			if level, err = levels.next(); err != nil {
				return false, err
			}
		}
		if level == uint64(d.column.depth) {
			if v, err = next(); err != nil {
				return false, err
			}
		}
		if !yield(v) {
			return false, nil
		}
	}
	return true, nil
}
