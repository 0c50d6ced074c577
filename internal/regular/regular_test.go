//go:build unix

package regular

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOpen(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	if err := os.WriteFile(at("file"), []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for link, target := range map[string]string{"link": "file", "broken": "nowhere", "loop": "loop", "to pipe": "pipe"} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		at("file"): "", at("link"): "", folder: "a folder", at("pipe"): "a named pipe", at("to pipe"): "a named pipe", at("socket"): "a socket",
		"/dev/zero": "a device", at("broken"): "no such file", at("loop"): "too many",
	} {
		done := make(chan error, 1)
		go func() {
			_, err := ReadFile(path, 5)
			done <- err
		}()
		select {
		case err := <-done:
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) || err != nil && strings.Contains(err.Error(), folder) {
				t.Errorf("%s: %v, want %q", path, err, want)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: hangs", path)
		}
	}
	var kind *ErrKind
	if _, err := ReadFile(at("file"), 4); !errors.As(err, &kind) {
		t.Errorf("a file that is too large: %v", err)
	}
	if _, _, err := Open(at("broken")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a broken link: %v", err)
	}
}
