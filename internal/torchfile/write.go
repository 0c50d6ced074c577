package torchfile

import (
	"archive/zip"
	"bufio"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// Write replaces the file at path, atomically, by the object in the format of torch.save. Tensors are *safetensors.Tensor of
// F64, F32, I64, I32, U8 or BOOL. A pointer that occurs twice is one storage (tied weights). The bytes depend on the object
// alone.
func Write(path string, root any) error {
	code, storages, err := encode(root)
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		a := newArchiveWriter(w)
		a.record(pickleRecord, bytesRecord(code))
		a.record(orderRecord, bytesRecord("little"))
		for i, t := range storages {
			a.record(fmt.Sprint(storagePrefix, i), t.WriteRaw)
		}
		a.record(versionRecord, bytesRecord("3\n"))
		return a.close()
	})
}

func bytesRecord[T ~string | ~[]byte](content T) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write([]byte(content))
		return err
	}
}

const (
	archiveFolder = "archive/"
	// alignment of the content of a record, in bytes, so that it can be memory-mapped.
	alignment   = 64
	localHeader = 30 // bytes of a record's header, without its name and extra field
)

// archiveWriter writes uncompressed records.
type archiveWriter struct {
	out *bufio.Writer
	zip *zip.Writer
	at  int64 // offset of the next record's header
	err error
}

func newArchiveWriter(w io.Writer) *archiveWriter {
	out := bufio.NewWriterSize(w, 1<<16)
	return &archiveWriter{out: out, zip: zip.NewWriter(out)}
}

// record adds a record with the content that write writes. write is called twice, as the checksum precedes the content.
func (a *archiveWriter) record(name string, write func(io.Writer) error) {
	if a.err != nil {
		return
	}
	sum := &summer{}
	if a.err = write(sum); a.err != nil {
		return
	}
	if sum.n >= math.MaxUint32 {
		a.err = fmt.Errorf("a tensor of %d bytes is more than such a file can hold here", sum.n)
		return
	}
	name = archiveFolder + name
	begin := a.at + localHeader + int64(len(name)) + 4
	padding := int((alignment - begin%alignment) % alignment)
	// An extra field "FB" as in torch: name, length and padding.
	extra := append([]byte{'F', 'B', byte(padding), 0}, bytes.Repeat([]byte("Z"), padding)...)
	w, err := a.zip.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, Extra: extra,
		CRC32: sum.crc, CompressedSize64: uint64(sum.n), UncompressedSize64: uint64(sum.n),
	})
	if err != nil {
		a.err = err
		return
	}
	a.at = begin + int64(padding) + sum.n
	a.err = write(w)
}

func (a *archiveWriter) close() error {
	if a.err != nil {
		return a.err
	}
	if err := a.zip.Close(); err != nil {
		return err
	}
	return a.out.Flush()
}

// summer computes the length and the checksum of what is written to it.
type summer struct {
	n   int64
	crc uint32
}

func (s *summer) Write(b []byte) (int, error) {
	s.n += int64(len(b))
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b)
	return len(b), nil
}
