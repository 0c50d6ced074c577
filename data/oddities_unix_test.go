//go:build unix

package data

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// within fails the test if f does not end soon.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan bool)
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: hangs", what)
	}
}

// TestOddFiles lists files that are no files: they are left out and counted, and nothing waits for them.
func TestOddFiles(t *testing.T) {
	for _, layout := range []struct {
		name string
		list func(string, Options) (Source, error)
	}{{"folder", Folder}, {"pairs", Pairs}} {
		root := t.TempDir()
		class := filepath.Join(root, "cat")
		write(t, filepath.Join(class, "good.png"), grey(t, 3))
		write(t, filepath.Join(class, "good.txt"), []byte("a cat"))
		for _, fail := range []error{
			syscall.Mkfifo(filepath.Join(class, "pipe.jpg"), 0o644),
			syscall.Mkfifo(filepath.Join(class, "linked.txt"), 0o644),
			os.Symlink("nowhere.jpg", filepath.Join(class, "broken.jpg")),
			os.Symlink("loop.png", filepath.Join(class, "loop.png")),
			os.Symlink("/dev/zero", filepath.Join(class, "zero.png")),
			os.Symlink("good.png", filepath.Join(class, "linked.png")),
		} {
			if fail != nil {
				t.Fatal(fail)
			}
		}
		l, err := net.Listen("unix", filepath.Join(class, "socket.png"))
		if err != nil {
			t.Skip(err) // the path may be too long
		}
		defer l.Close()
		within(t, layout.name, func() {
			s, err := layout.list(root, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			d, err := Load(s, Options{Size: 4, Cache: filepath.Join(root, ".cache")})
			if err != nil {
				t.Error(err)
				return
			}
			report := d.Report.String()
			for _, want := range []string{
				"cat/broken.jpg (no such file or directory)", "cat/loop.png (too many levels", "cat/pipe.jpg (a named pipe, not a regular file)",
				"cat/socket.png (a socket", "cat/zero.png (a device",
			} {
				if !strings.Contains(report, want) {
					t.Errorf("%s: the report lacks %q:\n%s", layout.name, want, report)
				}
			}
			if d.Len() != 2 || layout.name == "pairs" && !strings.Contains(report, "cat/linked.txt (a named pipe") {
				t.Errorf("%s: %d pictures:\n%s", layout.name, d.Len(), report)
			}
		})
	}
}

// TestClassNames refuses a class that a run could not store.
func TestClassNames(t *testing.T) {
	root := t.TempDir()
	bad := filepath.Join(root, "caf\xe9")
	if err := os.Mkdir(bad, 0o755); err != nil {
		t.Skip(err) // some file systems have no such names
	}
	write(t, filepath.Join(bad, "1.png"), grey(t, 3))
	write(t, filepath.Join(bad, "1.txt"), []byte("coffee"))
	for _, list := range []func(string, Options) (Source, error){Folder, Pairs} {
		if _, err := list(root, Options{}); err == nil || !strings.Contains(err.Error(), `the name of class caf\xe9 is not UTF-8; rename it`) {
			t.Errorf("error is %v", err)
		}
	}
}

// TestPairsBesideALoop finds the pairs of a folder with a link to a folder above, so that the error is about the link.
func TestPairsBesideALoop(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"1.png", "1.txt"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(".", filepath.Join(root, "0")); err != nil {
		t.Fatal(err)
	}
	if !HasPairs(root) {
		t.Error("no pairs")
	}
	if _, err := Pairs(root, Options{}); err == nil || !strings.Contains(err.Error(), "is a link to a folder above it; remove it") {
		t.Errorf("error is %v", err)
	}
}
