package webdataset

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// Limits of packed archives.
const (
	maxUnpacked = 1000      // times the size of the file
	spare       = 64 << 20  // bytes more
	maxWindow   = 128 << 20 // bytes that zstd and xz may ask for
)

// packings are the ways to pack an archive, by their first bytes.
var packings = []struct {
	magic string
	open  func(r *bufio.Reader) (io.Reader, func(), error)
}{
	{"\x1f\x8b", func(r *bufio.Reader) (io.Reader, func(), error) {
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	}},
	{"\x28\xb5\x2f\xfd", openZstd},
	{"\xfd7zXZ\x00", func(r *bufio.Reader) (io.Reader, func(), error) {
		if err := checkXZ(r); err != nil {
			return nil, nil, err
		}
		z, err := xz.NewReader(r)
		return z, func() {}, err
	}},
	{"BZh", func(r *bufio.Reader) (io.Reader, func(), error) { return bzip2.NewReader(r), func() {}, nil }},
	{"\x04\x22\x4d\x18", func(r *bufio.Reader) (io.Reader, func(), error) { return lz4.NewReader(r), func() {}, nil }},
}

func openZstd(r *bufio.Reader) (io.Reader, func(), error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return nil, nil, err
	}
	return z, z.Close, nil
}

// packing returns the function that unpacks a file, or nil if it is not packed in a known way.
func packing(f io.ReaderAt) func(r *bufio.Reader) (io.Reader, func(), error) {
	start := make([]byte, 6)
	n, _ := f.ReadAt(start, 0)
	for _, p := range packings {
		if strings.HasPrefix(string(start[:n]), p.magic) {
			return p.open
		}
	}
	return nil
}

// unpack returns the tar stream of an archive of a size. done frees the decoder.
func unpack(h *os.File, size int64) (tar io.Reader, packed bool, done func(), err error) {
	open := packing(h)
	if open == nil {
		return h, false, func() {}, nil // it can seek, so the tar reader skips pictures fast
	}
	z, done, err := open(bufio.NewReaderSize(h, 1<<18))
	if err != nil {
		return nil, true, nil, err
	}
	return &limited{z, size*maxUnpacked + spare, size}, true, done, nil
}

// limited is a reader that fails after left bytes.
type limited struct {
	r    io.Reader
	left int64
	size int64
}

func (l *limited) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if l.left -= int64(n); l.left < 0 {
		return 0, contentError{fmt.Errorf("unpacks to more than %d times its %d bytes, which no pictures do; unpack it to see what it holds", maxUnpacked, l.size)}
	}
	return n, err
}

// checkXZ returns an error if the first block of an xz stream asks for a window of more than maxWindow. The block's filter
// flags hold the size: one byte after the identifier 0x21 and the length 1 (https://tukaani.org/xz/xz-file-format.txt).
func checkXZ(r *bufio.Reader) error {
	head, err := r.Peek(12 + 2)
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	size := 4 * (int(head[12]) + 1)
	if head[12] == 0 { // an index: there are no blocks
		return nil
	}
	head, err = r.Peek(12 + size)
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	block := head[14 : 12+size]
	for range int(head[13]>>6&1) + int(head[13]>>7&1) { // sizes that are optional
		_, n := binary.Uvarint(block)
		if n <= 0 {
			return io.ErrUnexpectedEOF
		}
		block = block[n:]
	}
	for i := 0; i+2 < len(block); i++ {
		if block[i] == 0x21 && block[i+1] == 1 {
			if bits := block[i+2] & 63; bits > 40 || (2|int64(bits)&1)<<(bits/2+11) > maxWindow {
				return errors.New("xz asks for a window of more than 128 MB; pack it again with: xz -6")
			}
			break
		}
	}
	return nil
}
