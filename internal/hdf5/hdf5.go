// Package hdf5 reads the datasets of HDF5 files as Keras writes them with h5py: superblock version 0 or 1, groups as symbol tables,
// numbers of float32 or float64 in one piece. HDF5's newer groups, chunks and compression are refused.
//
// The format is that of the HDF5 File Format Specification, version 3.0, whose terms the names here are.
package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/bestiary-ml/bestiary/fault"
)

const (
	signature = "\x89HDF\r\n\x1a\n"
	undefined = math.MaxUint64 // an address of nothing
	maxOpened = 1 << 16        // groups and datasets of a file
	maxDepth  = 32             // groups within groups
	maxRank   = 32
	rewrite   = "write it again with Keras's save_weights to a file that ends with .h5"
)

// Is reports whether a file begins as HDF5 does.
func Is(head []byte) bool { return bytes.HasPrefix(head, []byte(signature)) }

// File is an open file.
type File struct {
	Datasets []*Dataset // by group, in order of names

	path   string
	file   *os.File
	size   uint64
	base   uint64          // what addresses are relative to
	opened map[uint64]bool // addresses of groups, each of which is read once
	count  int             // of objects
	left   uint64          // bytes of groups and headers that may still be read, so that a circle of them ends
}

// Open reads the groups of a file, and no values yet. Close the file after use. The error for a file that is not what it should be is
// a [*fault.DamagedFile].
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	f := &File{path: path, file: file, size: uint64(max(info.Size(), 0)), opened: map[uint64]bool{}}
	f.left = 4*f.size + 1<<24
	if err := f.readRoot(); err != nil {
		file.Close()
		return nil, fault.Damaged(path, "%v", err)
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// readRoot reads the superblock, and all groups from the root group on.
func (f *File) readRoot() error {
	head, err := f.read(0, 24)
	if err != nil {
		return err
	}
	if !Is(head) {
		return fmt.Errorf("is no HDF5 file; name one that Keras wrote")
	}
	version, at := head[8], uint64(24)
	switch version {
	case 0:
	case 1:
		at += 4
	default:
		return errNewer
	}
	if head[13] != 8 || head[14] != 8 {
		return fmt.Errorf("has addresses of %d bytes and lengths of %d where Keras writes 8; %s", head[13], head[14], rewrite)
	}
	rest, err := f.read(at, 48)
	if err != nil {
		return err
	}
	f.base = word(rest, 0)
	return f.open("", word(rest, 40), 0) // the header's address in the root group's symbol table entry
}

// errNewer is the error for HDF5's format from version 1.8 on, if a program asks for it.
var errNewer = fmt.Errorf("is of HDF5's newer format, with groups that are not read here; write it again with h5py.File(path, \"w\", libver=\"earliest\")")

// read returns n bytes of a group or a header.
func (f *File) read(at, n uint64) ([]byte, error) {
	if n > f.left {
		return nil, fmt.Errorf("has parts that refer to each other; copy or download it again")
	}
	f.left -= n
	return f.values(at, n)
}

// values returns n bytes at an address.
func (f *File) values(at, n uint64) ([]byte, error) {
	at += f.base
	if at > f.size || n > f.size-at {
		return nil, fmt.Errorf("is cut short: it refers to byte %d and has %d; copy or download it again", at, f.size)
	}
	b := make([]byte, n)
	if _, err := f.file.ReadAt(b, int64(at)); err != nil && err != io.EOF {
		return nil, err
	}
	return b, nil
}

// word is the number of 8 bytes at an offset; the caller has read as many.
func word(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

// half is the number of 2 bytes at an offset.
func half(b []byte, at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }

// errDamaged is about a part of the file that is not as the format has it.
func errDamaged(part string, at uint64) error {
	return fmt.Errorf("has no valid %s at byte %d; copy or download it again", part, at)
}

// open adds the object whose header is at an address: a dataset, or those of a group.
func (f *File) open(path string, at uint64, depth int) error {
	f.count++
	if f.count > maxOpened || depth > maxDepth {
		return fmt.Errorf("has more than %d groups and datasets, or more than %d groups within groups; %s", maxOpened, maxDepth, rewrite)
	}
	h, err := f.header(at)
	if err != nil {
		return err
	}
	if h.table == nil {
		d, err := h.dataset(path)
		if err != nil {
			return err
		}
		d.file = f
		f.Datasets = append(f.Datasets, d)
		return nil
	}
	if f.opened[at] {
		return fmt.Errorf("has a group %q that is in another group, too; %s", path, rewrite)
	}
	f.opened[at] = true
	return f.group(path, word(h.table, 0), word(h.table, 8), depth)
}
