package webdataset

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

// TestPacked reads the same archive as the usual tools pack it.
func TestPacked(t *testing.T) {
	for _, suffix := range []string{"gz", "zst", "xz", "bz2", "lz4"} {
		path := filepath.Join("testdata", "birds.tar."+suffix)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		hidden := write(t, filepath.Join(t.TempDir(), "birds.download"), whole) // known by its content
		for _, path := range []string{path, hidden} {
			d, err := open(path, data.Options{})
			if err != nil || !Is(path) {
				t.Errorf("%s: %v", suffix, err)
				continue
			}
			want := []string{`owl/1.png owl 10 ["bird 0"]`, `owl/2.png owl 11 ["bird 1"]`, `wren/3.png wren 12 ["bird 2"]`}
			if got := contents(d); !slices.Equal(got, want) {
				t.Errorf("%s: %q", suffix, got)
			}
		}
		for _, n := range []int{len(whole) / 2, len(whole) - 2} {
			if _, err := open(write(t, filepath.Join(t.TempDir(), "birds.tar"), whole[:n]), data.Options{}); err == nil || !strings.Contains(err.Error(), "is ") {
				t.Errorf("%s, %d of %d bytes: %v", suffix, n, len(whole), err)
			}
		}
	}
}

// TestBombs opens archives that unpack to far more than their size.
func TestBombs(t *testing.T) {
	for _, name := range []string{"bomb.tar.zst", "bomb.tar.bz2"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := open(filepath.Join("testdata", name), data.Options{})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "unpacks to more than 1000 times its") {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: %d bytes", name, took)
		}
	}
	d, err := open("testdata/sparse.tar", data.Options{})
	if err != nil || d.Len() != 1 || !strings.Contains(d.Report.String(), "special files, left out: 1: 2.jpg") {
		t.Errorf("a file with holes: %v", err)
	}
}

// TestEmptyMembers opens an archive of many empty pictures and one that is good. They take no room in the cache.
func TestEmptyMembers(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range n {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d.jpg", i), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	good := photo(t, 9)
	if err := w.WriteHeader(&tar.Header{Name: "good.png", Mode: 0o644, Size: int64(len(good))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(good)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	path := write(t, filepath.Join(t.TempDir(), "empty.tar"), b.Bytes())
	s, err := List(path, data.Options{Size: 64})
	if err != nil {
		t.Fatal(err)
	}
	d, err := data.Load(s, data.Options{Size: 64, Cache: cache})
	if err != nil || d.Len() != 1 || !strings.Contains(d.Report.String(), fmt.Sprintf("pictures that are empty files, left out: %d: 0.jpg", n)) {
		t.Fatalf("%v", err)
	}
	if u, err := data.CacheUsage(cache); err != nil || u.Bytes > 1<<20 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := List(write(t, filepath.Join(t.TempDir(), "none.tar"), pack(t, "1.jpg", "", "2.jpg", "")), data.Options{}); err == nil || !strings.Contains(err.Error(), "all 2 pictures are empty files") {
		t.Errorf("error is %v", err)
	}
}
