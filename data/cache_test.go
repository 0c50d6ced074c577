package data

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// memorySource is a source of pictures in memory, each with a stamp. read returns the picture with a name.
func memorySource(names []string, stamp string, read func(name string) ([]byte, error)) (Source, *atomic.Int64) {
	reads := new(atomic.Int64)
	s := Source{Layout: "memory", Path: "/memory", Classes: []string{"a"}}
	for _, n := range names {
		s.Items = append(s.Items, Item{Name: n, Stamp: stamp})
	}
	s.Read = func(yield func(int, Encoded) bool) error {
		for i, n := range names {
			if !yield(i, func() ([]byte, error) { reads.Add(1); return read(n) }) {
				break
			}
		}
		return nil
	}
	return s, reads
}

func grey(t testing.TB, v uint8) []byte {
	return encoded(t, uniform(image.NewGray(image.Rect(0, 0, 4, 4)), color.Gray{v}), "png")
}

// TestCacheRetries loads pictures of which one cannot be read the first time.
func TestCacheRetries(t *testing.T) {
	for _, problem := range []error{syscall.EACCES, syscall.EIO, syscall.EMFILE, errors.New("the network is down")} {
		o := Options{Size: 4, Cache: t.TempDir()}
		names, fails := []string{"0", "1", "2"}, true
		read := func(name string) ([]byte, error) {
			if fails && name == "1" {
				return nil, problem
			}
			if name == "2" {
				return []byte("no picture"), nil
			}
			return grey(t, 9), nil
		}
		s, _ := memorySource(names, "stamp", read)
		d, err := Load(s, o)
		if err != nil || d.Len() != 1 || len(d.Report.LeftOut) != 2 || d.Report.LeftOut[0].Reason != problem.Error() {
			t.Fatalf("%v: %+v, %v", problem, d, err)
		}
		fails = false
		s, reads := memorySource(names, "stamp", read)
		d, err = Load(s, o)
		if err != nil || d.Len() != 2 || d.Report.FromCache || reads.Load() != 1 {
			t.Errorf("%v: then %d pictures with %d read, %v", problem, d.Len(), reads.Load(), err)
		}
		s, reads = memorySource(names, "stamp", read)
		if d, err = Load(s, o); err != nil || d.Len() != 2 || !d.Report.FromCache || reads.Load() != 0 || len(d.Report.LeftOut) != 1 {
			t.Errorf("%v: then %d pictures with %d read, %v", problem, d.Len(), reads.Load(), err)
		}
	}
}

// TestCacheUnusable remembers a picture that will not become readable.
func TestCacheUnusable(t *testing.T) {
	o := Options{Size: 4, Cache: t.TempDir()}
	for i := range 2 {
		s, reads := memorySource([]string{"0", "1"}, "stamp", func(name string) ([]byte, error) {
			if name == "1" {
				return nil, &Unusable{"too large"}
			}
			return grey(t, 9), nil
		})
		d, err := Load(s, o)
		if err != nil || d.Len() != 1 || d.Report.FromCache != (i == 1) || reads.Load() != int64(2-2*i) || d.Report.LeftOut[0] != (Problem{"1", "too large"}) {
			t.Errorf("load %d: %+v, %d read, %v", i, d.Report, reads.Load(), err)
		}
	}
}

// TestCacheKnowsContent rewrites a picture with the same size and time.
func TestCacheKnowsContent(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "a", "1.png")
	first, second := grey(t, 10), grey(t, 200)
	write(t, filepath.Join(root, "a", "2.png"), grey(t, 77))
	if len(first) != len(second) {
		t.Fatal("the pictures differ in size")
	}
	write(t, path, first)
	old := time.Now().Add(-time.Hour)
	os.Chtimes(path, old, old)
	o := Options{Size: 4, Cache: filepath.Join(root, ".cache")}
	if d := mustOpen(t, root, o); d.Image(0)[0] != 10 {
		t.Fatal(d.Image(0))
	}
	if d := mustOpen(t, root, o); !d.Report.FromCache {
		t.Error("the same files do not come from the cache")
	}
	write(t, path, second)
	os.Chtimes(path, old, old)
	if d := mustOpen(t, root, o); d.Report.FromCache || d.Image(0)[0] != 200 || d.Image(1)[0] != 77 {
		t.Errorf("rewritten: from cache %v, %v", d.Report.FromCache, d.Image(0)[:3])
	}
	other := filepath.Join(root, "other.png")
	write(t, other, first)
	os.Chtimes(other, old, old)
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	if d := mustOpen(t, root, o); d.Image(0)[0] != 10 {
		t.Error("a file that replaces another is not noticed")
	}
}

// TestCacheChanges decodes only what is new.
func TestCacheChanges(t *testing.T) {
	o := Options{Size: 4, Cache: t.TempDir()}
	pictures := map[string][]byte{}
	for i := range 6 {
		pictures[fmt.Sprint(i)] = grey(t, uint8(i))
	}
	load := func(stamp string, names ...string) (*Dataset, int64) {
		t.Helper()
		s, reads := memorySource(names, stamp, func(name string) ([]byte, error) { return pictures[name], nil })
		d, err := Load(s, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range d.Names {
			if want := pictures[n]; !near(d.Image(i), [3]uint8{n[0] - '0', n[0] - '0', n[0] - '0'}, 0) && want != nil {
				t.Errorf("picture %s is %v", n, d.Image(i)[:3])
			}
		}
		return d, reads.Load()
	}
	for _, test := range []struct {
		stamp string
		names []string
		reads int64
		from  bool
	}{
		{"", []string{"0", "1", "2"}, 3, false},
		{"", []string{"0", "1", "2"}, 3, true}, // known by their content
		{"a", []string{"2", "0", "1"}, 3, true},
		{"a", []string{"0", "1", "2"}, 0, true}, // now by their stamps
		{"a", []string{"5", "0", "2", "4"}, 2, false},
		{"a", []string{"0", "2", "4"}, 0, true},
		{"b", []string{"0", "2", "4"}, 3, true},
	} {
		if d, reads := load(test.stamp, test.names...); reads != test.reads || d.Report.FromCache != test.from || !slices.Equal(d.Names, test.names) {
			t.Errorf("%v: %d read, want %d; from the cache %v, want %v", test.names, reads, test.reads, d.Report.FromCache, test.from)
		}
	}
}

// TestCacheOfFailures keeps no place for pictures that cannot be decoded.
func TestCacheOfFailures(t *testing.T) {
	o := Options{Size: 64, Cache: t.TempDir()}
	names := []string{"good"}
	for i := range 20_000 {
		names = append(names, fmt.Sprintf("empty %d", i))
	}
	s, _ := memorySource(names, "x", func(name string) ([]byte, error) {
		if name == "good" {
			return grey(t, 7), nil
		}
		return nil, nil
	})
	if _, err := Load(s, o); err != nil {
		t.Fatal(err)
	}
	if u, err := CacheUsage(o.Cache); err != nil || u.Files != 1 || u.Bytes > 200*20_000 || u.Limit != DefaultCacheLimit || u.Folder != o.Cache {
		t.Errorf("%+v, %v; one picture of 12 KB", u, err)
	}
}

func TestCacheLimit(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "cache")
	if u, err := CacheUsage(folder); err != nil || u.Files != 0 {
		t.Errorf("a cache that is not there: %+v, %v", u, err)
	}
	load := func(name string) *Dataset {
		t.Helper()
		s, _ := memorySource([]string{"0"}, "x", func(string) ([]byte, error) { return grey(t, 1), nil })
		s.Path = "/" + name
		d, err := Load(s, Options{Size: 64, Cache: folder})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	usage := func() CacheInfo {
		t.Helper()
		u, err := CacheUsage(folder)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	load("a")
	one := usage().Bytes
	time.Sleep(20 * time.Millisecond)
	load("b")
	time.Sleep(20 * time.Millisecond)
	load("a") // used last
	if u, err := LimitCache(folder, 3*one-1); err != nil || u.Files != 2 || u.Limit != 3*one-1 {
		t.Errorf("%+v, %v", u, err)
	}
	time.Sleep(20 * time.Millisecond)
	load("c")
	if u := usage(); u.Files != 2 || u.Bytes > u.Limit {
		t.Errorf("%+v", u)
	}
	if !load("a").Report.FromCache || load("b").Report.FromCache {
		t.Error("not the file used longest ago was removed")
	}
	if u, err := LimitCache(folder, one-1); err != nil || u.Files != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if d := load("a"); !strings.Contains(d.Report.String(), "the cache is limited to") || usage().Files != 0 {
		t.Errorf("beyond the limit: %s", d.Report)
	}
	if _, err := LimitCache(folder, -1); err == nil || !strings.Contains(err.Error(), "Limit -1") {
		t.Error(err)
	}
	if _, err := LimitCache(folder, 1<<40); err != nil {
		t.Error(err)
	}
	load("a")
	removed, err := ClearCache(folder)
	if err != nil || removed.Files != 1 || removed.Bytes != one || usage().Files != 0 || usage().Limit != 1<<40 {
		t.Errorf("%+v, %v, left %+v", removed, err, usage())
	}
	write(t, filepath.Join(folder, limitFile), []byte("lots"))
	if usage().Limit != DefaultCacheLimit {
		t.Error("a damaged limit is believed")
	}
	if _, err := CacheUsage(NoCache); err == nil {
		t.Error("a cache that is off has a usage")
	}
}

// TestCacheLeavings removes what killed processes left, and nothing that is written now.
func TestCacheLeavings(t *testing.T) {
	folder := t.TempDir()
	busy, err := createTemp(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, name := range []string{"new-1.tmp", "1234.tmp.pictures"} {
		write(t, filepath.Join(folder, name), make([]byte, 1000))
	}
	s, _ := memorySource([]string{"0"}, "x", func(string) ([]byte, error) { return grey(t, 1), nil })
	if _, err := Load(s, Options{Size: 4, Cache: folder}); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(folder)
	if len(entries) != 2 || !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == filepath.Base(busy.Name()) }) {
		t.Errorf("left: %v", entries)
	}
}

// TestLoadStops ends a load when its context does.
func TestLoadStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	s, reads := memorySource(names, "", func(name string) ([]byte, error) {
		if name == "10" {
			cancel()
		}
		return grey(t, 1), nil
	})
	if _, err := Load(s, Options{Size: 4, Cache: NoCache, Context: ctx}); !errors.Is(err, context.Canceled) || reads.Load() > 200 {
		t.Errorf("%v after %d pictures", err, reads.Load())
	}
}
