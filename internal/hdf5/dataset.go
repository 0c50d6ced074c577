package hdf5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Dataset is an array of numbers. Its values are read by [Dataset.Floats].
type Dataset struct {
	Path  string // groups and the name: "conv1/conv1/kernel:0"
	Shape []int  // empty: a single number

	file    *File
	at      uint64 // of the values
	compact []byte // the values themselves, if they are in the header
	bytes   int    // of a value: 4 or 8
	problem error  // why the values can't be read
}

// dataset returns the dataset of an object header. A type or a layout that is not supported is an error only for who needs the values.
func (h header) dataset(path string) (*Dataset, error) {
	d := &Dataset{Path: path}
	if h.dataspace == nil || h.kind == nil || h.layout == nil {
		return nil, fmt.Errorf("has %.80q without a shape, a type or values; copy or download it again", path)
	}
	if err := d.shape(h.dataspace); err != nil {
		return nil, err
	}
	d.problem = errors.Join(d.kind(h.kind), d.layout(h.layout))
	if h.filtered {
		d.problem = errors.New("is compressed")
	}
	return d, nil
}

// shape reads a dataspace message.
func (d *Dataset) shape(b []byte) error {
	version, rank := b[0], int(b[1])
	first := 8
	if version == 2 {
		first = 4
	}
	if version < 1 || version > 2 || rank > maxRank || len(b) < first+8*rank {
		return fmt.Errorf("has %.80q with a shape that is not valid; copy or download it again", d.Path)
	}
	total := uint64(1)
	for i := range rank {
		n := word(b, first+8*i)
		if n > math.MaxInt32 || total*max(n, 1) > math.MaxInt32 {
			return fmt.Errorf("has %.80q of more than %d numbers; copy or download it again", d.Path, math.MaxInt32)
		}
		total *= max(n, 1)
		d.Shape = append(d.Shape, int(n))
	}
	return nil
}

// Len is the number of values.
func (d *Dataset) Len() int {
	n := 1
	for _, k := range d.Shape {
		n *= k
	}
	return n
}

// kind reads a datatype message: IEEE 754 numbers, little-endian.
func (d *Dataset) kind(b []byte) error {
	const (
		float     = 1
		bigEndian = 1
	)
	class, size := b[0]&15, binary.LittleEndian.Uint32(b[4:])
	if class != float || b[1]&bigEndian != 0 || len(b) < 16 {
		return errors.New("holds other values than float32 or float64")
	}
	exponent, mantissa := b[13], b[15]
	switch {
	case size == 4 && exponent == 8 && mantissa == 23, size == 8 && exponent == 11 && mantissa == 52:
		d.bytes = int(size)
		return nil
	}
	return errors.New("holds other values than float32 or float64")
}

// layout reads a data layout message.
func (d *Dataset) layout(b []byte) error {
	const (
		compact    = 0
		contiguous = 1
	)
	switch {
	case b[0] != 3:
		return errors.New("has a layout of another version of HDF5")
	case b[1] == compact && len(b) >= 4+half(b, 2):
		d.compact = b[4 : 4+half(b, 2)]
		return nil
	case b[1] == contiguous && len(b) >= 18:
		d.at = word(b, 2)
		return nil
	}
	return errors.New("is in chunks")
}

// Floats returns the values, row by row; float64 is rounded. The error is a [*fault.DamagedFile].
func (d *Dataset) Floats() ([]float32, error) {
	if d.problem != nil {
		return nil, fault.Damaged(d.file.path, "has %.80q, which %v, and that is not read here; %s", d.Path, d.problem, rewrite)
	}
	n := d.Len()
	b, err := d.compact, error(nil)
	switch {
	case n == 0:
		return nil, nil
	case b != nil && len(b) < n*d.bytes, b == nil && d.at == undefined:
		err = fmt.Errorf("has %.80q without all of its values; %s", d.Path, rewrite)
	case b == nil:
		b, err = d.file.values(d.at, uint64(n)*uint64(d.bytes))
	}
	if err != nil {
		return nil, fault.Damaged(d.file.path, "%v", err)
	}
	values := make([]float32, n)
	for i := range values {
		if d.bytes == 8 {
			values[i] = float32(math.Float64frombits(word(b, 8*i)))
		} else {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
	return values, nil
}
