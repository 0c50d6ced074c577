package torchfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/bestiary-ml/bestiary/internal/printable"
)

// legacyMagic starts a file of torch before 1.6: two pickles, a magic number and the version 1001.
const legacyMagic = "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."

// openLegacy reads the older form. After the magic number there are a pickle about the machine, the pickle of the object and
// a pickle of the list of the storages' keys. Then there are the storages in that order, each after its number of elements
// (8 bytes).
func openLegacy(file io.ReaderAt, size int64) (any, error) {
	code := make([]byte, min(size, 3*maxPickle))
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, size), code); err != nil {
		return nil, err
	}
	none := func(Tuple) (*storage, error) { return nil, errors.New("its pickle has a storage out of place") }
	at := len(legacyMagic)
	_, n, err := run(code[at:], none)
	if err != nil {
		return nil, err
	}
	at += n

	storages := map[string]*storage{}
	object, n, err := run(code[at:], func(id Tuple) (*storage, error) {
		s, key, err := newStorage(id)
		if err != nil {
			return nil, err
		}
		if len(id) > 5 && id[5] != nil {
			return nil, errors.New("it has storages that are parts of others, as torch before 0.4 wrote them")
		}
		if int64(s.n) > size/int64(s.size) {
			return nil, fmt.Errorf("a storage of %d elements is larger than the file", s.n)
		}
		if old := storages[key]; old != nil {
			if old.element != s.element || old.n != s.n {
				return nil, errors.New("its pickle describes one storage in two ways")
			}
			return old, nil
		}
		s.limit = int(size)
		storages[key] = s
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	at += n
	if object, err = freeze(object, n); err != nil {
		return nil, err
	}

	keys, n, err := run(code[at:], none)
	if err != nil {
		return nil, err
	}
	order, ok := keys.(*list)
	if !ok || len(order.items) != len(storages) {
		return nil, errors.New("it does not list its storages")
	}
	offset := int64(at + n)
	for _, key := range order.items {
		name, _ := key.(string)
		s := storages[name]
		if s == nil || s.read != nil {
			return nil, errors.New("it does not list its storages")
		}
		var count [8]byte
		if _, err := file.ReadAt(count[:], offset); err != nil {
			return nil, fmt.Errorf("it is cut off before storage %s", printable.Short(name))
		}
		if binary.LittleEndian.Uint64(count[:]) != uint64(s.n) {
			return nil, fmt.Errorf("storage %s has not the size that is due", printable.Short(name))
		}
		start, bytes := offset+8, int64(s.n)*int64(s.size)
		if start+bytes > size {
			return nil, fmt.Errorf("it is cut off in storage %s", printable.Short(name))
		}
		s.read = func() ([]byte, error) {
			content := make([]byte, bytes)
			_, err := io.ReadFull(io.NewSectionReader(file, start, bytes), content)
			return content, err
		}
		offset = start + bytes
	}
	return object, nil
}
