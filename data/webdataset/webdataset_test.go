package webdataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

// photo is a PNG of one grey.
func photo(t testing.TB, grey uint8) string {
	p := image.NewGray(image.Rect(0, 0, 3, 3))
	for i := range p.Pix {
		p.Pix[i] = grey
	}
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pack makes an archive of names and contents, alternating; a name that ends in / is a directory.
func pack(t testing.TB, files ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zip(t testing.TB, content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, path string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(path string, o data.Options) (*data.Dataset, error) {
	o.Size = 2
	if o.Cache == "" {
		o.Cache = data.NoCache
	}
	s, err := List(path, o)
	if err != nil {
		return nil, err
	}
	return data.Load(s, o)
}

// contents lists name, class, grey and captions of each picture.
func contents(d *data.Dataset) (lines []string) {
	for i := range d.Len() {
		line := fmt.Sprintf("%s %s %d", d.Name(i), d.Classes[d.Label(i)], d.Image(i)[0])
		if d.Captions != nil {
			line += fmt.Sprintf(" %q", d.Captions[i])
		}
		lines = append(lines, line)
	}
	return lines
}

// birds is an archive with everything that an archive may contain.
func birds(t testing.TB) []byte {
	return pack(t, "./", "", "./1.txt", "a wren\n\na brown wren\n", "1.jpg", photo(t, 10), "1.json", `{"caption": "json wren", "list": ["one", "two\nlines"], "n": 3}`,
		"2.PNG", photo(t, 20), "2.cls", "7", "3.txt", "nobody", "4.jpg", "corrupt", "4.caption", "broken", "5.png", photo(t, 50), "5.caption", "bad \xff\nby other name",
		"5.jpg", photo(t, 55), "6.cls", "1", "._1.jpg", "mac", "1.jpg", photo(t, 99))
}

func TestList(t *testing.T) {
	folder := t.TempDir()
	plain, packed := write(t, filepath.Join(folder, "birds.tar"), birds(t)), write(t, filepath.Join(t.TempDir(), "birds.tgz"), zip(t, birds(t)))
	for _, path := range []string{plain, packed} {
		if !Is(path) {
			t.Errorf("%s is not recognised", path)
		}
		cache := filepath.Join(t.TempDir(), "cache")
		for range 2 {
			d, err := open(path, data.Options{Cache: cache})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{`1.jpg birds 10 ["a wren" "a brown wren"]`, `2.PNG birds 20 []`, `5.jpg birds 55 ["by other name"]`}
			if got := contents(d); !slices.Equal(got, want) {
				t.Errorf("pictures are %q, want %q", got, want)
			}
			report := d.Report.String()
			for _, want := range []string{
				"captions: 3, ", "4.jpg (not a JPEG", "skipped: 1: 1.txt:2", "repair them: 1: 5.caption:1 (not valid UTF-8)", "pictures without captions, used without: 1: 2.PNG",
				"captions without a picture, left out: 1: 3.txt", "neither picture nor caption, left out: 1: 6", "twice, the first used: 1: 1.jpg",
				"columns that are not used: cls (2), json (1), png (1)",
			} {
				if !strings.Contains(report, want) {
					t.Errorf("report lacks %q:\n%s", want, report)
				}
			}
		}
		for columns, want := range map[[2]string][]string{
			{"", "json:caption"}:         {`1.jpg birds 10 ["json wren"]`, `2.PNG birds 20 []`, `5.jpg birds 55 []`},
			{"jpg", ".JSON:list, cls"}:   {`1.jpg birds 10 ["one" "two lines"]`, `5.jpg birds 55 []`},
			{"png,jpg", "caption , txt"}: {`1.jpg birds 10 ["a wren" "a brown wren"]`, `2.PNG birds 20 []`, `5.png birds 50 ["by other name"]`},
			{"png", "cls"}:               {`2.PNG birds 20 ["7"]`, `5.png birds 50 []`},
		} {
			d, err := open(path, data.Options{Images: columns[0], Texts: columns[1], Cache: cache})
			if err != nil {
				t.Errorf("%q: %v", columns, err)
				continue
			}
			if got := contents(d); !slices.Equal(got, want) {
				t.Errorf("%q: pictures are %q, want %q", columns, got, want)
			}
		}
	}
}

func TestShards(t *testing.T) {
	folder := t.TempDir()
	var files []string
	for i := range 40 {
		files = append(files, fmt.Sprintf("owl/%02d.png", i), photo(t, uint8(i)), fmt.Sprintf("owl/%02d.txt", i), "an owl")
	}
	write(t, filepath.Join(folder, "b.tar"), pack(t, files...))
	write(t, filepath.Join(folder, "a.tar.gz"), zip(t, pack(t, "wren/00.png", photo(t, 200), "wren/00.txt", "a wren")))
	write(t, filepath.Join(folder, "README"), nil)
	if !Is(folder) {
		t.Error("the folder is not recognised")
	}
	d, err := open(folder, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lines := contents(d)
	if len(lines) != 41 || lines[0] != `a.tar.gz/wren/00.png wren 200 ["a wren"]` || lines[8] != `b.tar/owl/07.png owl 7 ["an owl"]` {
		t.Errorf("pictures are %q", lines)
	}
	if report := d.Report.String(); !strings.Contains(report, "beside the archives, left out: 1: README") || !strings.Contains(report, "owl 40, wren 1") {
		t.Errorf("report is\n%s", report)
	}
	var both []string
	for _, split := range []data.Split{data.Trainval, data.Test} {
		part, err := open(folder, data.Options{Split: split})
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, contents(part)...)
	}
	slices.Sort(both)
	if slices.Sort(lines); !slices.Equal(both, lines) {
		t.Errorf("trainval and test are %q, want %q", both, lines)
	}
	if err := os.Mkdir(filepath.Join(folder, "class"), 0o755); err != nil {
		t.Fatal(err)
	}
	if Is(folder) {
		t.Error("a folder of folders with an archive beside them is taken for archives")
	}
}
