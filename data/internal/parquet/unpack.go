package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codecs of pages.
const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecBrotli = 4
	codecLZ4    = 5 // in Hadoop's frames
	codecZstd   = 6
	codecLZ4Raw = 7
)

// maxWindow bounds the window that a zstd page asks for.
const maxWindow = 128 << 20

var errLength = errors.New("a page unpacks to another length than it claims")

// unpack unpacks a page to exactly n bytes. It allocates n bytes and the codec's window.
func unpack(codec int64, b []byte, n int) ([]byte, error) {
	if codec == codecNone {
		if len(b) != n {
			return nil, errLength
		}
		return b, nil
	}
	if n == 0 {
		return nil, nil
	}
	switch codec {
	case codecSnappy:
		if claimed, err := s2.DecodedLen(b); err != nil || claimed != n {
			return nil, errLength
		}
		return s2.Decode(make([]byte, n), b)
	case codecGzip:
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return exactly(z, n)
	case codecBrotli:
		return exactly(brotli.NewReader(bytes.NewReader(b)), n)
	case codecZstd:
		z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		return exactly(z, n)
	case codecLZ4:
		if out, err := hadoop(b, n); err == nil {
			return out, nil
		}
		return lz4Block(b, make([]byte, n)) // which some writers mean
	case codecLZ4Raw:
		return lz4Block(b, make([]byte, n))
	}
	return nil, fmt.Errorf("codec %d is not read; write the file again with another", codec)
}

// exactly reads n bytes, and checks that there are no more.
func exactly(r io.Reader, n int) ([]byte, error) {
	out := make([]byte, n)
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, err
	}
	if extra, err := io.CopyN(io.Discard, r, 1); extra != 0 || err != io.EOF {
		return nil, errLength
	}
	return out, nil
}

// lz4Block fills out with a block.
func lz4Block(b, out []byte) ([]byte, error) {
	n, err := lz4.UncompressBlock(b, out)
	if err == nil && n != len(out) {
		err = errLength
	}
	return out, err
}

// hadoop unpacks LZ4 in Hadoop's frames: the unpacked and the packed length in four bytes each, big-endian, then a block.
func hadoop(b []byte, n int) ([]byte, error) {
	out := make([]byte, n)
	for rest := out; len(b) > 0; {
		if len(b) < 8 {
			return nil, errLength
		}
		unpacked, packed := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
		if unpacked > int64(len(rest)) || packed > int64(len(b)-8) {
			return nil, errLength
		}
		if _, err := lz4Block(b[8:8+packed], rest[:unpacked]); err != nil {
			return nil, err
		}
		b, rest = b[8+packed:], rest[unpacked:]
		if len(b) == 0 && len(rest) > 0 {
			return nil, errLength
		}
	}
	return out, nil
}
