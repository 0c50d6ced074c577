package upload

import (
	"archive/zip"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// entry is a file of an archive.
type entry struct {
	name string
	mode fs.FileMode
	text string
}

func pack(t *testing.T, entries ...entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.name, "/") {
			continue
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnpack(t *testing.T) {
	archive := pack(t, entry{"cat/", fs.ModeDir | 0o755, ""}, entry{"cat/1.png", 0o644, "a"}, entry{"cat/1.txt", 0o644, "b"}, entry{"run.sh", 0o755, "c"}, entry{"cat/.hidden.png", 0o644, "d"},
		entry{".a/1.png", 0o644, "e"}, entry{"__MACOSX/cat/1.png", 0o644, "f"}, entry{"cat/1.xml", 0o644, "g"}, entry{"annotations/train.json", 0o644, "h"})
	dir := filepath.Join(t.TempDir(), "new")
	files, left, err := Unpack(archive, dir)
	if err != nil || files != 4 || left != 4 {
		t.Fatalf("%d files, %d left out, %v", files, left, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "cat", "1.png")); err != nil || string(text) != "a" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestUnpackAttacks unpacks archives that reach outside of the folder. Nothing is written there, and nothing is left.
func TestUnpackAttacks(t *testing.T) {
	good := entry{"cat/1.png", 0o644, "a"}
	for name, attack := range map[string]entry{
		"a parent":                 {"../evil.png", 0o644, "x"},
		"a parent inside":          {"cat/../../evil.png", 0o644, "x"},
		"an absolute path":         {"/tmp/evil.png", 0o644, "x"},
		"a path of Windows":        {`..\evil.png`, 0o644, "x"},
		"a drive":                  {"C:/evil.png", 0o644, "x"},
		"a path that is not clean": {"cat//evil.png", 0o644, "x"},
		"a link":                   {"evil.png", fs.ModeSymlink | 0o777, "/etc/passwd"},
		"a device":                 {"evil.png", fs.ModeDevice | 0o666, ""},
		"a file twice":             good,
		"a file as a folder":       {"cat/1.png/evil.png", 0o644, "x"},
		"a colon":                  {"c:/3.png", 0o644, "x"},
		"a line break":             {"cat/1\n2.png", 0o644, "x"},
		"a zero byte":              {"cat/1\x00.png", 0o644, "x"},
		"a long name":              {strings.Repeat("a", 260) + ".png", 0o644, "x"},
		"folders without end":      {strings.Repeat("a/", 50) + "evil.png", 0o644, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			_, _, err := Unpack(pack(t, good, attack), filepath.Join(parent, "new"))
			var wrong *problem.Error
			if !errors.As(err, &wrong) || wrong.Status != http.StatusBadRequest {
				t.Errorf("error %v", err)
			}
			if left, _ := os.ReadDir(parent); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
	for _, name := range []string{"readme.md", "captions.txt", "__MACOSX/1.png"} {
		if _, _, err := Unpack(pack(t, entry{name, 0o644, "x"}), filepath.Join(t.TempDir(), "new")); err == nil {
			t.Errorf("an archive without pictures is unpacked: it has %s", name)
		}
	}
}

// TestUnpackBomb unpacks a file that is far larger than it is packed.
func TestUnpackBomb(t *testing.T) {
	z, err := zip.OpenReader(pack(t, entry{"bomb.png", 0o644, strings.Repeat("\x00", 1<<20)}))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	z.File[0].UncompressedSize64 = 10 // a lie
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if n, err := unpackFile(root, "bomb.png", z.File[0], 1000); err == nil || n > 1001 {
		t.Errorf("%d bytes written, error %v", n, err)
	}
}
