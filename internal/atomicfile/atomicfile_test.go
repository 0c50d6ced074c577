package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// only fails unless dir holds exactly the named files: no temporary file was left.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("%s holds %v, want %v", dir, got, names)
	}
}

func content(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %q, want %q", path, got, want)
	}
}

func TestWriteCreatesAndReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	for _, text := range []string{"first", "a longer second", ""} {
		if err := WriteBytes(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		content(t, path, text)
		only(t, dir, "a.json")
	}
}

func TestFailureLeavesTheOldFile(t *testing.T) {
	boom := errors.New("boom")
	big := make([]byte, 1<<20) // more than the buffer, so some of it reaches the disk
	cases := map[string]func(w io.Writer) error{
		"at once": func(io.Writer) error { return boom },
		"midway": func(w io.Writer) error {
			if _, err := w.Write(big); err != nil {
				return err
			}
			return boom
		},
		"no space": func(w io.Writer) error {
			w.Write(big)
			return fmt.Errorf("row 7: %w", syscall.ENOSPC)
		},
	}
	for name, write := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a")
			if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			err := Write(path, write)
			if err == nil || !strings.HasPrefix(err.Error(), path+": ") {
				t.Fatalf("error %v does not start with the file", err)
			}
			if !errors.Is(err, boom) && !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%v hides its cause", err)
			}
			if errors.Is(err, syscall.ENOSPC) && !strings.Contains(err.Error(), "disk space") {
				t.Errorf("%v names no remedy", err)
			}
			content(t, path, "old")
			only(t, dir, "a")
		})
	}
}

func TestPanicLeavesNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		Write(filepath.Join(dir, "a"), func(io.Writer) error { panic("boom") })
	}()
	only(t, dir)
}

func TestModeAndLinksAreKept(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs POSIX modes and links")
	}
	dir := t.TempDir()
	path, link := filepath.Join(dir, "a"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	content(t, path, "new")
	only(t, dir, "a", "link")
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link became a file")
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, want 0640", info.Mode().Perm())
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	cases := []struct{ name, path, want string }{
		{"a folder", dir, "is a folder; name a file"},
		{"no folder", filepath.Join(dir, "none", "a"), "create the folder"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := WriteBytes(c.path, []byte("x"))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), c.path) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), ".tmp") {
				t.Errorf("%v names the temporary file", err)
			}
		})
	}
}

func TestStaleTemporaryFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	old, young, other := ".a-0123abcd.tmp", ".a-89abcdef.tmp", ".a-much-longer.tmp"
	for _, name := range []string{old, young, other} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * staleAfter)
	for _, name := range []string{old, other} {
		if err := os.Chtimes(filepath.Join(dir, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteBytes(filepath.Join(dir, "a"), nil); err != nil {
		t.Fatal(err)
	}
	only(t, dir, young, other, "a")
}

// TestCheck expects Check to refuse what Write refuses, and to leave no trace.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{old, filepath.Join(dir, "new")} {
		if err := Check(path); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "missing", "a"), filepath.Join(old, "a")} {
		got, want := Check(path), WriteBytes(path, nil)
		if got == nil || want == nil || got.Error() != want.Error() {
			t.Errorf("%s: Check says %v, Write says %v", path, got, want)
		}
	}
	content(t, old, "old")
	only(t, dir, "old")
}

// TestUnsyncedFolder expects the message about a folder that can't be synced to say which file is there: the new one.
func TestUnsyncedFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[OpKind]struct{ content, words string }{
		OpSyncDir: {"new", "is replaced, but its folder cannot be synced (input/output error)"},
		OpRename:  {"old", "the old file was left as it was"},
		OpSync:    {"old", "the old file was left as it was"},
	} {
		if err := WriteBytes(path, []byte("old")); err != nil {
			t.Fatal(err)
		}
		Hook = func(op Op) error {
			if op.Kind == kind {
				return syscall.EIO
			}
			return nil
		}
		err := WriteBytes(path, []byte("new"))
		Hook = nil
		if err == nil || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), want.words) {
			t.Errorf("%s fails: %v", kind, err)
		}
		content(t, path, want.content)
	}
}
