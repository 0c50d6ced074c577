package torchfile

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/printable"
)

// The records of an archive, in a folder of any name.
const (
	pickleRecord  = "data.pkl"
	orderRecord   = "byteorder"
	versionRecord = "version"
	storagePrefix = "data/"
	scriptRecord  = "constants.pkl" // only in TorchScript archives
)

// archive is a file in the zip form.
type archive struct {
	size    int64
	records map[string]*zip.File // by their names below the folder

	// The storage that was read last. Tensors of one storage are often loaded one after the other.
	last    *zip.File
	content []byte
}

func openArchive(file io.ReaderAt, size int64) (any, error) {
	z, err := zip.NewReader(file, size)
	if err != nil {
		return nil, fmt.Errorf("its zip directory cannot be read (%s)", printable.Short(err.Error()))
	}
	a := &archive{size: size, records: map[string]*zip.File{}}
	folder := ""
	for _, f := range z.File {
		if before, ok := strings.CutSuffix(f.Name, "/"+pickleRecord); ok && !strings.Contains(before, "/") {
			folder = before + "/"
		}
	}
	if folder == "" {
		return nil, errors.New("it is a zip archive without " + pickleRecord)
	}
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, folder)
		if !ok {
			continue
		}
		if a.records[name] != nil {
			return nil, fmt.Errorf("it has two records \"%s\"", printable.Short(f.Name))
		}
		a.records[name] = f
	}
	if a.records[scriptRecord] != nil {
		return nil, errors.New("it holds a TorchScript program, not a checkpoint")
	}
	if a.records[orderRecord] != nil {
		if order, err := a.read(orderRecord, 16); err != nil || string(order) != "little" {
			return nil, errors.New("it was written by a big-endian machine")
		}
	}
	code, err := a.read(pickleRecord, maxPickle)
	if err != nil {
		return nil, err
	}
	storages := map[string]*storage{}
	object, _, err := run(code, func(id Tuple) (*storage, error) {
		s, key, err := newStorage(id)
		if err != nil {
			return nil, err
		}
		if old := storages[key]; old != nil && old.element == s.element && old.n == s.n {
			return old, nil
		}
		record := storagePrefix + key
		f := a.records[record]
		if f == nil {
			return nil, fmt.Errorf("it lacks the record \"%s\"", printable.Short(record))
		}
		if f.UncompressedSize64 != uint64(s.n)*uint64(s.size) {
			return nil, fmt.Errorf("the record \"%s\" has %d bytes where %d are due", printable.Short(record), f.UncompressedSize64, uint64(s.n)*uint64(s.size))
		}
		s.limit = int(size)
		s.read = func() ([]byte, error) { return a.storage(record) }
		storages[key] = s
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	return freeze(object, len(code))
}

// storage returns the content of a storage's record.
func (a *archive) storage(record string) ([]byte, error) {
	if f := a.records[record]; a.last != f {
		content, err := a.read(record, a.size)
		if err != nil {
			return nil, err
		}
		a.last, a.content = f, content
	}
	return a.content, nil
}

// read returns a whole record of at most limit bytes, and checks its checksum.
func (a *archive) read(record string, limit int64) ([]byte, error) {
	f := a.records[record]
	if f.Method != zip.Store {
		return nil, fmt.Errorf("the record \"%s\" is compressed, which torch.save never does", printable.Short(record))
	}
	if f.UncompressedSize64 > uint64(min(limit, a.size)) {
		return nil, fmt.Errorf("the record \"%s\" has %d bytes, which is too much", printable.Short(record), f.UncompressedSize64)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("the record \"%s\" cannot be read (%w)", printable.Short(record), err)
	}
	defer r.Close()
	content := make([]byte, f.UncompressedSize64)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, fmt.Errorf("the record \"%s\" cannot be read (%w)", printable.Short(record), err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // the checksum is compared at the end
		return nil, fmt.Errorf("the record \"%s\" is damaged (%w)", printable.Short(record), err)
	}
	return content, nil
}
