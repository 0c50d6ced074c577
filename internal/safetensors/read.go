package safetensors

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// Read reads and checks a whole file. Every error names the file and a remedy. The error for a file that is cut off or
// altered is a [*fault.DamagedFile].
func Read(path string) (*File, error) {
	f, info, err := regular.Open(path)
	var kind *regular.ErrKind
	if errors.As(err, &kind) {
		return nil, fmt.Errorf("%s: is not a file (%w); name a .safetensors file", path, err)
	}
	if err != nil {
		return nil, openError(path, err)
	}
	defer f.Close()
	return Decode(path, f, info.Size())
}

// Decode reads size bytes from r and checks them. name is for messages. It allocates at most a small multiple of size. Errors
// are those of [Read].
func Decode(name string, r io.Reader, size int64) (*File, error) {
	file, err := decode(name, bufio.NewReaderSize(r, 1<<16), size)
	if err == nil {
		return file, nil
	}
	if kind := (*typeError)(nil); errors.As(err, &kind) { // the file is whole
		return nil, fmt.Errorf("%s: %w; save its weights as float32, for example with model.float()", name, err)
	}
	if newer := (*newerError)(nil); errors.As(err, &newer) { // the file is whole
		return nil, fmt.Errorf("%s: not a safetensors file we can use: %w; update bestiary to use it", name, err)
	}
	return nil, fault.Damaged(name, "not a safetensors file we can use: %v; restore it from a backup, or resume from another checkpoint", err)
}

func decode(name string, r io.Reader, size int64) (*File, error) {
	var length [8]byte
	if size < int64(len(length)) {
		return nil, fmt.Errorf("it is cut off after %d bytes", max(size, 0))
	}
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	rest := uint64(size) - 8
	n := binary.LittleEndian.Uint64(length[:])
	if n > rest || n > maxHeader {
		return nil, fmt.Errorf("it claims a header of %d bytes where %d bytes follow", n, rest)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	entries, metadata, err := parseHeader(header, int64(rest-n))
	if err != nil {
		return nil, err
	}
	if copied(header, metadata) {
		for _, key := range []string{VersionKey, ChecksumKey, LayoutKey} {
			delete(metadata, key)
		}
	}
	if err := checkVersion(metadata); err != nil {
		return nil, err
	}
	want, checked, err := checksummed(header, metadata)
	if err != nil {
		return nil, err
	}
	var sum hash.Hash
	if checked {
		at := checksumAt(header, want)
		if at < 0 || len(want) != len(noDigits) {
			return nil, fmt.Errorf("its checksum is damaged")
		}
		copy(header[at:], noDigits)
		sum = newHash(length, header)
		r = io.TeeReader(r, sum)
	}

	file := &File{Path: name, Metadata: metadata, tensors: make(map[string]*Tensor, len(entries))}
	buf := make([]byte, chunk)
	for _, e := range entries {
		t := &Tensor{Name: e.name, DType: e.DType, Shape: e.Shape}
		if err := t.decode(r, (e.end()-e.begin())/e.DType.size(), buf); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", quoted(e.name), err)
		}
		file.tensors[e.name] = t
		file.names = append(file.names, e.name)
	}
	slices.Sort(file.names)
	if checked && hex.EncodeToString(sum.Sum(nil)) != want {
		return nil, errors.New("the checksum does not match the content, so some of it has changed since it was written")
	}
	return file, nil
}

// chunk is the number of bytes that are converted at a time.
const chunk = 1 << 16

// decode reads n elements of the tensor's type.
func (t *Tensor) decode(r io.Reader, n int64, buf []byte) (err error) {
	switch t.DType {
	case F64:
		t.F64, err = readSlice[float64](r, n, 8, buf)
	case F32:
		t.F32, err = readSlice[float32](r, n, 4, buf)
	case F16:
		t.F32, err = readHalf(r, n, buf, halfToFloat)
	case BF16:
		t.F32, err = readHalf(r, n, buf, brainToFloat)
	case I64:
		t.I64, err = readSlice[int64](r, n, 8, buf)
	case I32:
		t.I32, err = readSlice[int32](r, n, 4, buf)
	case U8:
		t.U8, err = readSlice[uint8](r, n, 1, buf)
	case BOOL:
		var raw []uint8
		raw, err = readSlice[uint8](r, n, 1, buf)
		t.Bool = make([]bool, len(raw))
		for i, b := range raw {
			if b > 1 {
				return fmt.Errorf("element %d is %d, not a truth value", i, b)
			}
			t.Bool[i] = b == 1
		}
	}
	return err
}

// readSlice reads n elements of size bytes each.
func readSlice[T any](r io.Reader, n int64, size int, buf []byte) ([]T, error) {
	all := make([]T, n)
	for rest := all; len(rest) > 0; {
		k := min(len(rest), len(buf)/size)
		if _, err := io.ReadFull(r, buf[:k*size]); err != nil {
			return nil, err
		}
		if _, err := binary.Decode(buf[:k*size], binary.LittleEndian, rest[:k]); err != nil {
			return nil, err
		}
		rest = rest[k:]
	}
	return all, nil
}

// readHalf reads n elements of 16 bits and widens them.
func readHalf(r io.Reader, n int64, buf []byte, widen func(uint16) float32) ([]float32, error) {
	half, err := readSlice[uint16](r, n, 2, buf)
	if err != nil {
		return nil, err
	}
	all := make([]float32, n)
	for i, h := range half {
		all[i] = widen(h)
	}
	return all, nil
}

// brainToFloat widens a bfloat16, which is the upper half of a float32.
func brainToFloat(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// halfToFloat widens an IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
func halfToFloat(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // zero or subnormal: fraction·2⁻²⁴, exact in a float32
		v := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(v))
	case 31: // infinity or NaN
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// quoted returns a name for a message: printable, and not longer than a line.
func quoted(name string) string { return `"` + printable.Short(name) + `"` }

func openError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: there is no such file (%w); check the path, or train the model first", path, fs.ErrNotExist)
	}
	return fmt.Errorf("%s: cannot be opened (%w); check that you may read it", path, err)
}
