//go:build unix

package tokenizer

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
)

// TestOddFiles opens what is no file of a sensible size. None of it is waited for or read.
func TestOddFiles(t *testing.T) {
	folder := t.TempDir()
	pipe, sparse, packed := filepath.Join(folder, "pipe"), filepath.Join(folder, "20GB"), filepath.Join(folder, "config", "tokenizer_config.json")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(sparse, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(sparse, 20<<30); err != nil {
		t.Skip(err)
	}
	if err := os.Mkdir(filepath.Dir(packed), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(packed, 0o666); err != nil {
		t.Fatal(err)
	}
	vocab := filepath.Join(filepath.Dir(packed), "vocab.txt")
	if err := os.WriteFile(vocab, []byte("[PAD]\n[UNK]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe:        "tokenizer: " + pipe + ": cannot be read, as it is a folder, a pipe or a device; name the file of a tokenizer",
		"/dev/zero": "tokenizer: /dev/zero: cannot be read, as it is a folder, a pipe or a device; name the file of a tokenizer",
		folder:      "tokenizer: " + folder + ": cannot be read, as it is a folder, a pipe or a device; name the file of a tokenizer",
		sparse:      "tokenizer: " + sparse + ": is larger than 128 MB; name the file of a tokenizer",
		vocab:       "tokenizer: " + packed + ": cannot be read, as it is a folder, a pipe or a device; name the file of a tokenizer",
	} {
		start := time.Now()
		_, err := Open(path, Options{})
		var file *fault.DamagedFile
		if !errors.As(err, &file) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s takes %v", path, d)
		}
	}
}
