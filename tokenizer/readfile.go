package tokenizer

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"syscall"
	"unicode/utf8"
)

// maxFile is the largest size of an uncompressed file, in bytes. The largest vocabularies in use take 30 MB.
const maxFile = 1 << 27

// readFile reads a file of up to maxFile bytes. A pipe or a device is refused before it is read, which might never end. The
// error of a missing file is an fs.ErrNotExist.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // does not wait for the writer of a pipe
	if err != nil {
		return nil, &unreadable{path, err}
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, &unreadable{path, err}
	case !info.Mode().IsRegular():
		return nil, damaged(path, 0, "cannot be read, as it is a folder, a pipe or a device; name the file of a tokenizer")
	case info.Size() > maxFile:
		return nil, tooLarge(path)
	}
	data := make([]byte, 0, info.Size()+1)
	buffer := bytes.NewBuffer(data)
	if _, err := buffer.ReadFrom(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, fmt.Errorf("tokenizer: %s: cannot be read (%w); name the file of a tokenizer", path, err)
	}
	return buffer.Bytes(), nil
}

// unreadable is the error for a file that can't be opened.
type unreadable struct {
	path  string
	cause error
}

func (e *unreadable) Error() string {
	return fmt.Sprintf("tokenizer: %s: cannot be read; check the path and its permissions", e.path)
}

func (e *unreadable) Unwrap() error { return e.cause }

func tooLarge(path string) error {
	return damaged(path, 0, "is larger than %d MB; name the file of a tokenizer", maxFile>>20)
}

// unpack returns the text of a file, which may be packed with gzip.
func unpack(path string, data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte{0x1F, 0x8B}) {
		unpacked, err := gzip.NewReader(bytes.NewReader(data))
		if err == nil {
			data, err = io.ReadAll(io.LimitReader(unpacked, maxFile+1))
		}
		if err != nil {
			return nil, damaged(path, 0, "cannot be unpacked (%v); fetch it again", err)
		}
	}
	if len(data) > maxFile {
		return nil, tooLarge(path)
	}
	if !utf8.Valid(data) {
		return nil, damaged(path, 0, "is not text in UTF-8; give a tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt")
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), nil // Windows programs write a byte order mark
}
