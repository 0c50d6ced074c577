package webdataset

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

const (
	maxPicture = 64 << 20   // bytes of a picture; several wait in memory
	maxTexts   = 2 << 30    // bytes of all captions
	maxMembers = 50_000_000 // files of all archives: their names take memory
)

// member is a file of an archive.
type member struct {
	number      int // index in the archive
	name        string
	key, column string // name up to the first dot of its last part, and from there on, in lower case
	size        int64
	body        io.Reader
}

// read returns the content, or an error if it is larger than most bytes; fatal is an error of the archive.
func (m member) read(most int64) (content []byte, err, fatal error) {
	if m.size > most {
		return nil, fmt.Errorf("%.1f MB, more than the %d we read", float64(m.size)/(1<<20), most>>20), nil
	}
	content, fatal = io.ReadAll(io.LimitReader(m.body, m.size))
	return content, nil, fatal
}

// members calls f with every file of an archive, and returns remarks for the report. Folders and hidden files are skipped. An
// error of f ends the walk.
func members(archive string, f func(m member) error) (notes []string, err error) {
	h, info, err := regular.Open(archive)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); check the path and its permissions", archive, err)
	}
	defer h.Close()
	unpacked, packed, done, err := unpack(h, info.Size())
	if err != nil {
		return nil, broken(archive, "", err)
	}
	defer done()
	last, special := "", []string(nil)
	t := tar.NewReader(unpacked)
	for number := 0; ; number++ {
		header, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, broken(archive, last, err)
		}
		last = strings.ToValidUTF8(path.Clean("/" + header.Name)[1:], "\ufffd")
		folder, base := path.Split(last)
		switch {
		case header.Typeflag == tar.TypeDir || strings.HasPrefix(base, ".") || strings.HasPrefix(last, "__MACOSX/"):
			continue
		case header.Typeflag != tar.TypeReg || sparse(header):
			special = append(special, last)
			continue
		}
		stem, column, _ := strings.Cut(base, ".")
		if err := f(member{number, last, folder + stem, strings.ToLower(column), header.Size, t}); err != nil {
			return nil, broken(archive, last, err)
		}
	}
	if last == "" {
		return nil, fmt.Errorf("%s: is an empty archive; pack pictures and captions into it", archive)
	}
	if len(special) > 0 {
		notes = append(notes, data.Note(archive+": links and special files, left out", special, 5))
	}
	// Only zeros may follow. Reading them also checks the checksum of a gzip archive.
	var rest nonzero
	if _, err := io.Copy(&rest, unpacked); err != nil {
		return nil, broken(archive, last, err)
	}
	switch {
	case bool(rest):
		notes = append(notes, archive+": has data after its end mark, which was left out; unpack joined archives and pack them as one")
	case !packed && !endsInZeros(h):
		notes = append(notes, archive+": has no end mark, so it may be cut off; download or pack it again if pictures are missing")
	}
	return notes, nil
}

// sparse reports whether a file has holes, which unpack to any size.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// errStop ends a walk without an error.
var errStop = errors.New("stop")

// contentError is an error about the content of an archive that is not damaged.
type contentError struct{ error }

// broken returns the error for an archive that cannot be read. last is the file read before.
func broken(archive, last string, err error) error {
	after := ""
	if last != "" {
		after = " after " + printable.Short(last)
	}
	var content contentError
	switch {
	case err == errStop:
		return errStop
	case errors.As(err, &content):
		return fmt.Errorf("%s: %w", archive, content.error)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return fault.Damaged(archive, "is cut off%s; download or pack it again", after)
	case last == "" && errors.Is(err, tar.ErrHeader):
		return fault.Damaged(archive, "is not a tar archive; give a .tar, or one packed with gzip, zstd, xz, bzip2 or lz4")
	default:
		return fault.Damaged(archive, "is damaged%s (%s); download or pack it again", after, printable.Short(err.Error()))
	}
}

// isTar reports whether the content is tar in the POSIX or GNU format.
func isTar(f io.ReaderAt) bool {
	magic := make([]byte, 5)
	_, err := f.ReadAt(magic, 257)
	return err == nil && string(magic) == "ustar"
}

// nonzero is a writer that becomes true at a byte other than zero.
type nonzero bool

func (n *nonzero) Write(b []byte) (int, error) {
	if len(bytes.TrimLeft(b, "\x00")) > 0 {
		*n = true
	}
	return len(b), nil
}

// endsInZeros reports whether the last block is an end mark.
func endsInZeros(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() < 512 {
		return false
	}
	block := make([]byte, 512)
	_, err = f.ReadAt(block, info.Size()-512)
	return err == nil && bytes.Equal(block, make([]byte, 512))
}
