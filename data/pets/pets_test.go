package pets

import (
	"bytes"
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

// photo is a PNG of one grey; the pets' .jpg files are not all JPEG.
func photo(t testing.TB, grey uint8) []byte {
	p := image.NewGray(image.Rect(0, 0, 6, 5))
	for i := range p.Pix {
		p.Pix[i] = grey
	}
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

const comments = "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n"

// official writes a folder in the official layout, with the oddities of the published one.
func official(t testing.TB) string {
	root := t.TempDir()
	write(t, filepath.Join(root, "annotations", "list.txt"), []byte(comments+`Bengal_1 2 1 2
Bengal_2 2 1 2
Abyssinian_1 1 1 1
american_bulldog_1 3 2 1
american_bulldog_2 3 2 1
american_bulldog_3 3 2 1
`))
	write(t, filepath.Join(root, "annotations", "trainval.txt"), []byte(comments+"Bengal_1 2 1 2\namerican_bulldog_1 3 2 1\namerican_bulldog_3 3 2 1\n"))
	write(t, filepath.Join(root, "annotations", "test.txt"), []byte(comments+"Bengal_2 2 1 2\nAbyssinian_1 1 1 1\namerican_bulldog_2 3 2 1\n"))
	for i, name := range []string{"Abyssinian_1.jpg", "Bengal_1.jpg", "Bengal_2.JPG", "Bengal_9.jpg", "american_bulldog_1.jpg", "american_bulldog_2.png", "zebra_7.jpg"} {
		write(t, filepath.Join(root, "images", name), photo(t, uint8(10*i)))
	}
	write(t, filepath.Join(root, "images", "Abyssinian_100.mat"), []byte("MATLAB"))
	write(t, filepath.Join(root, "images", "american_bulldog_3.jpg"), []byte("corrupt"))
	return root
}

func load(t testing.TB, list func(string, data.Options) (data.Source, error), path string, o data.Options) *data.Dataset {
	t.Helper()
	o.Cache, o.Size = data.NoCache, 4
	s, err := list(path, o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := data.Load(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// contents lists name, class and color of each picture.
func contents(d *data.Dataset) (lines []string) {
	for i := range d.Len() {
		lines = append(lines, fmt.Sprintf("%s %s %d", d.Name(i), d.Classes[d.Label(i)], d.Image(i)[0]))
	}
	return lines
}

func TestOfficial(t *testing.T) {
	root := official(t)
	if !Is(root) || Is(t.TempDir()) {
		t.Error("the layout is not recognised")
	}
	for _, test := range []struct {
		split   data.Split
		labels  data.Labels
		classes string
		want    []string
		report  []string
	}{
		{data.All, data.Species, "cat dog", []string{
			"images/Bengal_1.jpg cat 10", "images/Bengal_2.JPG cat 20", "images/Abyssinian_1.jpg cat 0", "images/american_bulldog_1.jpg dog 40",
			"images/american_bulldog_2.png dog 50", "images/Bengal_9.jpg cat 30", "images/zebra_7.jpg dog 60",
		}, []string{"cat 4, dog 3", "left out, replace or remove: 1: images/american_bulldog_3.jpg", "not in list.txt, used: 2: Bengal_9, zebra_7", "no picture, left out: 1: Abyssinian_100.mat"}},
		{data.Trainval, "", "cat dog", []string{"images/Bengal_1.jpg cat 10", "images/american_bulldog_1.jpg dog 40"}, []string{"not in list.txt, left out: 2", "american_bulldog_3.jpg (not a JPEG"}},
		{data.Test, data.Breed, "Abyssinian american_bulldog Bengal", []string{
			"images/Bengal_2.JPG Bengal 20", "images/Abyssinian_1.jpg Abyssinian 0", "images/american_bulldog_2.png american_bulldog 50",
		}, nil},
		{data.All, data.Breed, "Abyssinian american_bulldog Bengal", []string{
			"images/Bengal_1.jpg Bengal 10", "images/Bengal_2.JPG Bengal 20", "images/Abyssinian_1.jpg Abyssinian 0",
			"images/american_bulldog_1.jpg american_bulldog 40", "images/american_bulldog_2.png american_bulldog 50", "images/Bengal_9.jpg Bengal 30",
		}, []string{"does not have, left out: 1: zebra_7"}},
	} {
		t.Run(fmt.Sprint(test.split, " ", test.labels), func(t *testing.T) {
			d := load(t, Folder, root, data.Options{Split: test.split, Labels: test.labels})
			if got := strings.Join(d.Classes, " "); got != test.classes {
				t.Errorf("classes are %s, want %s", got, test.classes)
			}
			if got := contents(d); !slices.Equal(got, test.want) {
				t.Errorf("pictures are %q, want %q", got, test.want)
			}
			for _, want := range test.report {
				if !strings.Contains(d.Report.String(), want) {
					t.Errorf("report lacks %q:\n%v", want, d.Report)
				}
			}
		})
	}
	if err := os.Remove(filepath.Join(root, "images", "Bengal_1.jpg")); err != nil {
		t.Fatal(err)
	}
	if report := load(t, Folder, root, data.Options{}).Report.String(); !strings.Contains(report, "not in images/: 1: Bengal_1") {
		t.Errorf("report lacks the missing photo:\n%s", report)
	}
}

func TestOfficialFailures(t *testing.T) {
	for _, test := range []struct {
		name, want string
		damage     func(root string) error
	}{
		{"no split list", "trainval.txt: cannot be read", func(r string) error { return os.Remove(filepath.Join(r, "annotations", "trainval.txt")) }},
		{"no images folder", "images: cannot be read", func(r string) error { return os.RemoveAll(filepath.Join(r, "images")) }},
		{"no images", "none of the 3 photos", func(r string) error {
			if err := os.RemoveAll(filepath.Join(r, "images")); err != nil {
				return err
			}
			return os.Mkdir(filepath.Join(r, "images"), 0o755)
		}},
		{"species 3", `list.txt:2: "x_1 1 3 1"`, func(r string) error {
			return os.WriteFile(filepath.Join(r, "annotations", "list.txt"), []byte("#\nx_1 1 3 1\n"), 0o644)
		}},
		{"short line", `trainval.txt:1: "x_1 1"`, func(r string) error {
			return os.WriteFile(filepath.Join(r, "annotations", "trainval.txt"), []byte("x_1 1\n"), 0o644)
		}},
		{"empty list", "lists no photos", func(r string) error {
			return os.WriteFile(filepath.Join(r, "annotations", "list.txt"), []byte(comments), 0o644)
		}},
		{"binary list", "not a text file", func(r string) error {
			return os.WriteFile(filepath.Join(r, "annotations", "list.txt"), make([]byte, 100_000), 0o644)
		}},
		{"same name twice", "the same name", func(r string) error {
			return os.WriteFile(filepath.Join(r, "images", "Bengal_1.png"), nil, 0o644)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := official(t)
			if err := test.damage(root); err != nil {
				t.Fatal(err)
			}
			_, err := Folder(root, data.Options{Split: data.Trainval})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}
