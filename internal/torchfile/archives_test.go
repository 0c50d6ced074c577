package torchfile

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestArchives opens zip files that are no checkpoints.
func TestArchives(t *testing.T) {
	pack := func(method uint16, names ...string) []byte {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for _, name := range names {
			w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
			if err == nil {
				content := "\x80\x02N."
				if strings.HasSuffix(name, "byteorder") {
					content = "big"
				}
				_, err = io.WriteString(w, content)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		z.Close()
		return out.Bytes()
	}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"no pickle":    {pack(zip.Store, "a/b"), "without data.pkl"},
		"compressed":   {pack(zip.Deflate, "a/data.pkl"), "compressed"},
		"two pickles":  {pack(zip.Store, "a/data.pkl", "a/data.pkl"), "two records"},
		"TorchScript":  {pack(zip.Store, "a/data.pkl", "a/constants.pkl"), "TorchScript"},
		"big-endian":   {pack(zip.Store, "a/data.pkl", "a/byteorder"), "big-endian"},
		"not a zip":    {[]byte("PK\x03\x04 and no more"), "zip directory"},
		"an image":     {[]byte("\x89PNG\r\n\x1a\n"), "does not start like a file"},
		"empty":        {nil, "does not start like a file"},
		"plain pickle": {[]byte("\x80\x02}."), "does not start like a file"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := openBytes(t, c.content); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if _, err := openBytes(t, pack(zip.Store, "a/data.pkl")); err != nil {
		t.Error("what the others are varied from:", err)
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none.pt")} {
		if _, err := Open(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, form := range []string{"values.pt", "values-protocol4.pt", "values-legacy.pt", "objects.pt", "objects-legacy.pt"} {
		whole, err := os.ReadFile("testdata/" + form)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(whole)
	}
	f.Add(packed(f, "\x80\x02"+rebuild(storageID("0", 4), "K\x00K\x04\x85K\x01\x85")+"."))
	f.Fuzz(func(t *testing.T, content []byte) { bounded(t, content) })
}

// multiple is the memory of Open in bytes for each byte of a file, beside 1 MB. An opcode of one byte makes a list or a
// dictionary.
const multiple = 1000

// bounded opens a file and loads what is small, and fails the test if opening takes much memory or time.
func bounded(t *testing.T, content []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	root, err := openBytes(t, content)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20+multiple*uint64(len(content)) {
		t.Errorf("%d bytes took %d bytes", len(content), took)
	}
	if err == nil {
		loadAll(root)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%d bytes took %v", len(content), took)
	}
}

// FuzzPickle gets past the archive's checksums.
func FuzzPickle(f *testing.F) {
	f.Add([]byte("\x80\x02" + rebuild(storageID("0", 4), "K\x00K\x04\x85K\x01\x85") + "."))
	f.Add([]byte("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01\x8c\x01ae}\x94K\x01]sGaaaaaaaa\x86."))
	f.Fuzz(func(t *testing.T, code []byte) { bounded(t, packed(t, string(code))) })
}

// TestMemory opens files that promise much more than they hold.
func TestMemory(t *testing.T) {
	huge := []byte(legacyMagic + "\x80\x02}.\x80\x02" + rebuild(storageID("0", 1<<30), "K\x00J\x00\x00\x00\x40\x85K\x01\x85") + ".\x80\x02](" + text("0") + "e.")
	huge = append(huge, 0, 0, 0, 0x40, 0, 0, 0, 0)
	for _, content := range [][]byte{huge, packed(t, "\x80\x02X\xff\xff\xff\x7fabc."), packed(t, "\x80\x02"+rebuild(storageID("0", 1<<30), "K\x00K\x04\x85K\x01\x85")+".")} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := openBytes(t, content)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Error("it is opened")
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%d bytes are allocated for a file of %d", used, len(content))
		}
	}
}
