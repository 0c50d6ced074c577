package safetensors

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// Write replaces the file at path, atomically, by the tensors and metadata. The bytes depend on these alone, not on the order
// of the tensors: as in the format's own library, larger element types come first (which keeps all data aligned), then names
// ascend. The tensors are not copied and must not change while Write runs.
func Write(path string, tensors []Tensor, metadata map[string]string) error {
	if err := checkTensors(tensors, metadata); err != nil {
		return fmt.Errorf("%s: cannot be written: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error { return encode(w, tensors, metadata) })
}

func encode(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	_, err := encodeSummed(w, tensors, metadata)
	return err
}

// Encode writes the bytes that [Write] puts into a file, and returns the checksum in its metadata.
func Encode(w io.Writer, tensors []Tensor, metadata map[string]string) (checksum string, err error) {
	if err := checkTensors(tensors, metadata); err != nil {
		return "", err
	}
	return encodeSummed(w, tensors, metadata)
}

// encodeSummed passes over the data twice, as the checksum precedes the data. A second pass costs less than a copy in memory.
func encodeSummed(w io.Writer, tensors []Tensor, metadata map[string]string) (checksum string, err error) {
	order := make([]*Tensor, len(tensors))
	for i := range tensors {
		order[i] = &tensors[i]
	}
	slices.SortFunc(order, func(a, b *Tensor) int {
		return cmp.Or(cmp.Compare(b.DType.size(), a.DType.size()), cmp.Compare(a.Name, b.Name))
	})
	entries := make([]*entry, len(order))
	at := int64(0)
	for i, t := range order {
		end := at + int64(t.Len())*t.DType.size()
		entries[i] = &entry{name: t.Name, DType: t.DType, Shape: append([]int{}, t.Shape...), Offsets: []int64{at, end}}
		at = end
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[VersionKey] = strconv.Itoa(FormatVersion)
	all[ChecksumKey] = noDigits
	all[LayoutKey] = padded
	header, err := encodeHeader(entries, all)
	if err != nil {
		return "", err
	}
	if len(header) > maxHeader {
		return "", fmt.Errorf("the header takes %d bytes where the format allows %d", len(header), maxHeader)
	}

	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(header)))
	buf := make([]byte, 0, chunk)
	sum := newHash(length, header)
	for _, t := range order {
		if err := t.encode(sum, buf); err != nil {
			return "", err
		}
	}
	checksum = hex.EncodeToString(sum.Sum(nil))
	copy(header[checksumAt(header, noDigits):], checksum)

	if _, err := w.Write(length[:]); err != nil {
		return "", err
	}
	if _, err := w.Write(header); err != nil {
		return "", err
	}
	for _, t := range order {
		if err := t.encode(w, buf); err != nil {
			return "", err
		}
	}
	return checksum, nil
}

// checkTensors returns an error for tensors and metadata that would give a file that cannot be read back.
func checkTensors(tensors []Tensor, metadata map[string]string) error {
	seen := map[string]bool{}
	for i := range tensors {
		t := &tensors[i]
		n, ok := elements(t.Shape)
		switch {
		case seen[t.Name]:
			return fmt.Errorf("two tensors are named %q; give each its own name", t.Name)
		case t.Name == metadataKey || !utf8.ValidString(t.Name):
			return fmt.Errorf("%q cannot be a tensor's name; choose another", t.Name)
		case t.DType.size() == 0 || t.DType == F16 || t.DType == BF16:
			return fmt.Errorf("tensor %q is of type %q; convert it to one that can be written, such as F32", t.Name, string(t.DType))
		case !ok || n != int64(t.Len()):
			return fmt.Errorf("tensor %q has %d elements of type %s, which do not fill its shape %v; correct the shape", t.Name, t.Len(), t.DType, t.Shape)
		}
		seen[t.Name] = true
	}
	for key, value := range metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return fmt.Errorf("the metadata %q is not UTF-8; encode it as text", key)
		}
	}
	return nil
}

// encode writes the elements; buf is scratch of [chunk] bytes.
func (t *Tensor) encode(w io.Writer, buf []byte) error {
	switch t.DType {
	case F64:
		return writeSlice(w, t.F64, 8, buf)
	case F32:
		return writeSlice(w, t.F32, 4, buf)
	case I64:
		return writeSlice(w, t.I64, 8, buf)
	case I32:
		return writeSlice(w, t.I32, 4, buf)
	case U8:
		return writeSlice(w, t.U8, 1, buf)
	case BOOL:
		return writeSlice(w, t.Bool, 1, buf)
	}
	return fmt.Errorf("tensor %q: type %s cannot be written", t.Name, t.DType)
}

func writeSlice[T any](w io.Writer, all []T, size int, buf []byte) error {
	for part := range slices.Chunk(all, cap(buf)/size) {
		b, err := binary.Append(buf[:0], binary.LittleEndian, part)
		if err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
