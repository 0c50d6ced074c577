package data

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// petFolder writes n cats and 2n dogs of different colors and returns the folder.
func petFolder(t testing.TB, n int) string {
	root := t.TempDir()
	for i := range 3 * n {
		class := "dog"
		if i%3 == 0 {
			class = "cat"
		}
		p := uniform(image.NewNRGBA(image.Rect(0, 0, 9, 7)), color.NRGBA{uint8(i), uint8(i / 3), 99, 255})
		write(t, filepath.Join(root, class, fmt.Sprintf("%s%02d.png", class, i)), encoded(t, p, "png"))
	}
	return root
}

func open(root string, o Options) (*Dataset, error) {
	s, err := Folder(root, o)
	if err != nil {
		return nil, err
	}
	return Load(s, o)
}

func mustOpen(t testing.TB, root string, o Options) *Dataset {
	t.Helper()
	d, err := open(root, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFolder(t *testing.T) {
	root := petFolder(t, 10)
	write(t, filepath.Join(root, "dog", "broken.jpg"), []byte("not a picture"))
	write(t, filepath.Join(root, "cat", ".DS_Store"), []byte("hidden"))
	write(t, filepath.Join(root, "README.txt"), []byte("loose"))
	var progress []int
	d := mustOpen(t, root, Options{Size: 8, Cache: NoCache, Progress: func(done, total int) {
		progress = append(progress, done)
		if total != 31 {
			t.Errorf("progress of %d, want 31", total)
		}
	}})
	if !slices.Equal(d.Classes, []string{"cat", "dog"}) || !slices.Equal(d.Report.Counts, []int{10, 20}) || d.Len() != 30 {
		t.Errorf("%d pictures of %v, %v", d.Len(), d.Classes, d.Report.Counts)
	}
	if len(progress) != 31 || !slices.IsSorted(progress) {
		t.Errorf("progress was %v", progress)
	}
	for i := range d.Len() {
		var class string
		var number int
		if _, err := fmt.Sscanf(strings.ReplaceAll(d.Name(i), "/", " "), "%s "+d.Classes[d.Label(i)]+"%d.png", &class, &number); err != nil {
			t.Fatalf("%s: %v", d.Name(i), err)
		}
		if class != d.Classes[d.Label(i)] || !near(d.Image(i), [3]uint8{uint8(number), uint8(number / 3), 99}, 0) {
			t.Errorf("%s has label %d and begins with %v", d.Name(i), d.Label(i), d.Image(i)[:3])
		}
	}
	report := d.Report.String()
	for _, want := range []string{"30 pictures", "cat 10, dog 20", "2.00 times", "dog/broken.jpg (not a JPEG", "README.txt"} {
		if !strings.Contains(report, want) {
			t.Errorf("report lacks %q:\n%s", want, report)
		}
	}
	if i, err := d.Class("dog"); i != 1 || err != nil {
		t.Errorf("Class: %d, %v", i, err)
	}
	if _, err := d.Class("cow"); err == nil || !strings.Contains(err.Error(), "cat, dog") {
		t.Errorf("Class error is %v, want one that lists the classes", err)
	}
}

func TestSplitsPartition(t *testing.T) {
	root := petFolder(t, 40)
	names := map[string]int{}
	counts := map[Split]int{}
	for _, split := range []Split{All, Trainval, Test} {
		d := mustOpen(t, root, Options{Size: 4, Cache: NoCache, Split: split})
		counts[split] = d.Len()
		for _, n := range d.Names {
			names[n]++
		}
	}
	if len(names) != 120 || counts[All] != 120 || counts[Trainval]+counts[Test] != 120 {
		t.Errorf("splits have %v of %d", counts, len(names))
	}
	for n, times := range names {
		if times != 2 {
			t.Errorf("%s is in %d splits besides all", n, times-1)
		}
	}
	if counts[Test] < 12 || counts[Test] > 36 {
		t.Errorf("test has %d of 120, want about a fifth", counts[Test])
	}
}

func TestWorkersDoNotMatter(t *testing.T) {
	root := petFolder(t, 10)
	write(t, filepath.Join(root, "cat", "aaa.png"), []byte("broken"))
	one := mustOpen(t, root, Options{Size: 8, Workers: 1, Cache: NoCache})
	many := mustOpen(t, root, Options{Size: 8, Workers: 7, Cache: NoCache})
	if !bytes.Equal(one.Pixels, many.Pixels) || !slices.Equal(one.Names, many.Names) || one.Fingerprint() != many.Fingerprint() {
		t.Error("one worker and seven load different datasets")
	}
	other := mustOpen(t, root, Options{Size: 8, Split: Trainval, Cache: NoCache})
	if other.Fingerprint() == one.Fingerprint() {
		t.Error("different datasets have the same fingerprint")
	}
}

func TestCache(t *testing.T) {
	root, folder := petFolder(t, 4), t.TempDir()
	write(t, filepath.Join(root, "cat", "broken.png"), []byte("broken"))
	o := Options{Size: 8, Cache: filepath.Join(folder, "new")}
	first := mustOpen(t, root, o)
	check := func(what string, fromCache bool) {
		t.Helper()
		d := mustOpen(t, root, o)
		if d.Report.FromCache != fromCache {
			t.Errorf("%s: from cache is %v", what, d.Report.FromCache)
		}
		if !bytes.Equal(d.Pixels, first.Pixels) || !slices.Equal(d.Names, first.Names) || !slices.Equal(d.Report.LeftOut, first.Report.LeftOut) {
			t.Errorf("%s: another dataset", what)
		}
	}
	file := func() string {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(o.Cache, "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("cache holds %v, %v", files, err)
		}
		return files[0]
	}
	if first.Report.FromCache {
		t.Error("first load came from a cache")
	}
	check("second", true)
	good, err := os.ReadFile(file())
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	longHeader := bytes.Clone(good)
	copy(longHeader[len(cacheMagic):], "\xff\xff\xff\xff")
	for what, bad := range map[string][]byte{"flipped bit": flipped, "truncated": good[:len(good)-9], "empty": nil, "longer": append(bytes.Clone(good), 0), "header": longHeader} {
		write(t, file(), bad)
		check(what, false)
		check(what+", written anew", true)
	}

	o.Size = 9
	if d := mustOpen(t, root, o); d.Report.FromCache {
		t.Error("another size came from the cache")
	}
	o.Size = 8
	changed := filepath.Join(root, "cat", "broken.png")
	write(t, changed, encoded(t, fourColors(8), "png"))
	if d := mustOpen(t, root, o); d.Report.FromCache || d.Len() != 13 {
		t.Errorf("after a change: from cache %v, %d pictures", d.Report.FromCache, d.Len())
	}

	old := time.Now().Add(-2 * cacheKeep)
	files, _ := filepath.Glob(filepath.Join(o.Cache, "*"))
	for _, f := range files {
		os.Chtimes(f, old, old)
	}
	write(t, changed, encoded(t, fourColors(16), "png"))
	mustOpen(t, root, o)
	file() // the old ones are gone

	blocked := filepath.Join(folder, "file")
	write(t, blocked, nil)
	d := mustOpen(t, root, Options{Size: 8, Cache: filepath.Join(blocked, "below")})
	if !strings.Contains(d.Report.String(), "not kept") {
		t.Errorf("an unwritable cache is not reported:\n%s", d.Report)
	}
}

func TestFolderFailures(t *testing.T) {
	broken := t.TempDir()
	write(t, filepath.Join(broken, "cat", "a.jpg"), []byte("broken"))
	nested := t.TempDir()
	write(t, filepath.Join(nested, "train", "cat", "a.jpg"), nil)
	loose := t.TempDir()
	write(t, filepath.Join(loose, "a.jpg"), nil)
	empty := t.TempDir()
	if err := os.Mkdir(filepath.Join(empty, "cat"), 0o755); err != nil {
		t.Fatal(err)
	}
	pets := petFolder(t, 1)
	for _, test := range []struct {
		name, root, want string
		o                Options
	}{
		{"missing", filepath.Join(empty, "nowhere"), "nowhere", Options{}},
		{"only broken", broken, "cat/a.jpg: not an image", Options{}},
		{"nested", nested, "train: has sub-folders but no pictures", Options{}},
		{"loose", loose, "no sub-folders", Options{}},
		{"empty class", empty, "cat: has no pictures", Options{}},
		{"labels", pets, "Labels breed: not available in ", Options{Labels: Breed}},
		{"split", pets, "Split dev: must be all, trainval", Options{Split: "dev"}},
		{"resize", pets, "Resize fit: must be squash, crop, boxes", Options{Resize: "fit"}},
		{"label name", pets, "Labels sex: must be species or breed", Options{Labels: "sex"}},
		{"size", pets, "Size -3: must be 1 to 2048", Options{Size: -3}},
		{"channels", pets, "Channels 5: must be 3 (RGB) or 4 (RGBA)", Options{Channels: 5}},
		{"workers", pets, "Workers 1099511627776: must be 1 to 1024", Options{Workers: 1 << 40}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.o.Cache = NoCache
			_, err := open(test.root, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}
