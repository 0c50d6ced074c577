package cub

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

func write(t testing.TB, content string, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// birds writes five photos of three species: albatross 1 and 2, ani 1 and 2, wren 1. Wren 1 has no captions, and ani 2 is corrupt.
func birds(t testing.TB, texts string) string {
	root := t.TempDir()
	cub := filepath.Join(root, "CUB_200_2011")
	write(t, "1 001.Black_footed_Albatross\n4 004.Groove_billed_Ani\n196 196.House_Wren\n", cub, "classes.txt")
	write(t, "1 001.Black_footed_Albatross/A_1.jpg\n2 001.Black_footed_Albatross/A_2.jpg\n11 004.Groove_billed_Ani/G_1.jpg\n12 004.Groove_billed_Ani/G_2.jpg\n20 196.House_Wren/W_1.jpg\n", cub, "images.txt")
	write(t, "1 1\n2 1\n11 4\n12 4\n20 196\n", cub, "image_class_labels.txt")
	write(t, "1 1\n2 0\n11 0\n12 1\n20 1\n", cub, "train_test_split.txt")
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 5, 4))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"001.Black_footed_Albatross/A_1.jpg", "001.Black_footed_Albatross/A_2.jpg", "004.Groove_billed_Ani/G_1.jpg", "196.House_Wren/W_1.jpg", "196.House_Wren/W_1_rgb.jpg"} {
		write(t, b.String(), cub, "images", name)
	}
	write(t, "corrupt", cub, "images", "004.Groove_billed_Ani/G_2.jpg")
	for _, name := range []string{"001.Black_footed_Albatross/A_1", "001.Black_footed_Albatross/A_2", "004.Groove_billed_Ani/G_1", "004.Groove_billed_Ani/G_2", "004.Groove_billed_Ani/G_3"} {
		write(t, "a bird\n\nbird "+name[len(name)-3:]+"\n", root, texts, name+".txt")
	}
	write(t, "HDF", root, texts, "001.Black_footed_Albatross.h5")
	return root
}

func load(t testing.TB, root string, o data.Options) *data.Dataset {
	t.Helper()
	o.Size, o.Cache = 4, data.NoCache
	s, err := Folder(root, o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := data.Load(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// contents lists class and second caption of each photo.
func contents(d *data.Dataset) (lines []string) {
	for i := range d.Len() {
		line := d.Classes[d.Label(i)]
		if len(d.Captions[i]) > 0 {
			line += " " + d.Captions[i][1]
		}
		lines = append(lines, line)
	}
	return lines
}

func TestFolder(t *testing.T) {
	for _, texts := range []string{"birds/text_c10", "text_c10", "cvpr2016_cub/text_c10", "CUB_200_2011/text_c10"} {
		root := birds(t, texts)
		for _, root := range []string{root, filepath.Join(root, "CUB_200_2011")} {
			if !Is(root) || Is(t.TempDir()) {
				t.Error("the layout is not recognised")
			}
			for _, test := range []struct {
				o    data.Options
				want []string
			}{
				{data.Options{}, []string{"Black_footed_Albatross bird A_1", "Black_footed_Albatross bird A_2", "Groove_billed_Ani bird G_1", "House_Wren"}},
				{data.Options{Captions: true}, []string{"Black_footed_Albatross bird A_1", "Black_footed_Albatross bird A_2", "Groove_billed_Ani bird G_1"}},
				{data.Options{Split: data.Trainval}, []string{"Black_footed_Albatross bird A_1", "House_Wren"}},
				{data.Options{Split: data.Test}, []string{"Black_footed_Albatross bird A_2", "Groove_billed_Ani bird G_1"}},
				{data.Options{Split: data.Seen}, []string{"Black_footed_Albatross bird A_1", "Black_footed_Albatross bird A_2"}},
				{data.Options{Split: data.Unseen}, []string{"Groove_billed_Ani bird G_1", "House_Wren"}},
			} {
				if got := contents(load(t, root, test.o)); !slices.Equal(got, test.want) {
					t.Errorf("%s: %+v: photos are %q, want %q", texts, test.o, got, test.want)
				}
			}
		}
	}
	report := load(t, birds(t, "birds/text_c10"), data.Options{}).Report.String()
	for _, want := range []string{
		"Black_footed_Albatross 2, Groove_billed_Ani 1, House_Wren 1", "captions: 6, ", "G_2.jpg (not a JPEG", "skipped: 4: 001.Black_footed_Albatross/A_1.txt:2",
		"pictures without captions, used without: 1: 196.House_Wren/W_1.jpg", "captions without a picture, left out: 1: 004.Groove_billed_Ani/G_3.txt",
		"not listed, left out: 1: 196.House_Wren/W_1_rgb.jpg", "no .txt file, left out: 1: text_c10/001.Black_footed_Albatross.h5",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("report lacks %q:\n%s", want, report)
		}
	}
}

// TestUnseenList has the list of classes that comes with Reed's captions.
func TestUnseenList(t *testing.T) {
	root := birds(t, "birds/text_c10")
	write(t, "001.Black_footed_Albatross\n002.Laysan_Albatross\n", root, "birds", "testclasses.txt")
	d := load(t, root, data.Options{Split: data.Unseen})
	if got, want := contents(d), []string{"Black_footed_Albatross bird A_1", "Black_footed_Albatross bird A_2"}; !slices.Equal(got, want) {
		t.Errorf("photos are %q, want %q", got, want)
	}
	if report := d.Report.String(); !strings.Contains(report, "unseen classes: 1 of 3, those of testclasses.txt") || !strings.Contains(report, "not in classes.txt: 1: 002.Laysan_Albatross") {
		t.Errorf("report is\n%s", report)
	}
}

// The boxes of photos go with them in every split.
func TestBoxes(t *testing.T) {
	root := birds(t, "birds/text_c10")
	write(t, "20 1 0 2 3\n1 0.5 0 2 3.0\n2 2 1 2 3\n11 0 0 1 1\n12 0 0 2 2\n", root, "CUB_200_2011", "bounding_boxes.txt")
	for split, want := range map[data.Split][]data.Box{
		data.All:      {{X: 0.5, Width: 2, Height: 3}, {X: 2, Y: 1, Width: 2, Height: 3}, {Width: 1, Height: 1}, {Width: 2, Height: 2}, {X: 1, Width: 2, Height: 3}},
		data.Trainval: {{X: 0.5, Width: 2, Height: 3}, {Width: 2, Height: 2}, {X: 1, Width: 2, Height: 3}},
	} {
		s, err := Folder(root, data.Options{Split: split, Resize: data.BoxesWith(0.1)})
		if err != nil {
			t.Fatal(err)
		}
		var got []data.Box
		for _, item := range s.Items {
			got = append(got, item.Box)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: boxes %v, want %v", split, got, want)
		}
	}
	if d := load(t, root, data.Options{Resize: data.Boxes}); d.Len() != 4 {
		t.Errorf("%d photos", d.Len())
	}
}

func TestWithoutCaptions(t *testing.T) {
	root := birds(t, "birds/text_c10")
	if err := os.RemoveAll(filepath.Join(root, "birds")); err != nil {
		t.Fatal(err)
	}
	d := load(t, root, data.Options{})
	if d.Len() != 4 || d.Captions != nil || !strings.Contains(d.Report.String(), "no captions: text_c10 is not there") {
		t.Errorf("%d photos, captions %v:\n%s", d.Len(), d.Captions, d.Report)
	}
}

func TestFailures(t *testing.T) {
	for _, test := range []struct {
		name, want string
		file       string // to replace, or to remove if there is no text
		text       string
		o          data.Options
	}{
		{"no captions", "has no captions; unpack text_c10 at", "birds", "", data.Options{Captions: true}},
		{"no classes", "classes.txt: cannot be read", "CUB_200_2011/classes.txt", "", data.Options{}},
		{"no split", "train_test_split.txt: cannot be read", "CUB_200_2011/train_test_split.txt", "", data.Options{Split: data.Test}},
		{"no official layout", "has no CUB_200_2011/images.txt", "CUB_200_2011/images", "", data.Options{}},
		{"empty list", "classes.txt: is empty", "CUB_200_2011/classes.txt", "\n", data.Options{}},
		{"binary list", "classes.txt: is not a text file", "CUB_200_2011/classes.txt", strings.Repeat("\x00", 100_000), data.Options{}},
		{"no id", `images.txt:1: "a b.jpg" is not`, "CUB_200_2011/images.txt", "a b.jpg\n", data.Options{}},
		{"outside", `images.txt:2: "2 ../a.jpg" is not`, "CUB_200_2011/images.txt", "1 001.Black_footed_Albatross/A_1.jpg\n2 ../a.jpg\n", data.Options{}},
		{"listed twice", "listed once", "CUB_200_2011/images.txt", "1 a/b.jpg\n2 a/b.jpg\n", data.Options{}},
		{"id twice", "images.txt:2: id 1 is there twice", "CUB_200_2011/images.txt", "1 a/b.jpg\n1 a/c.jpg\n", data.Options{}},
		{"unknown class", `image_class_labels.txt:1: "1 5" is not`, "CUB_200_2011/image_class_labels.txt", "1 5\n", data.Options{}},
		{"no label", "image_class_labels.txt: has no line for 001.Black_footed_Albatross/A_2.jpg", "CUB_200_2011/image_class_labels.txt", "1 1\n", data.Options{}},
		{"split 2", `train_test_split.txt:1: "1 2" is not`, "CUB_200_2011/train_test_split.txt", "1 2\n", data.Options{Split: data.Test}},
		{"not in split", "train_test_split.txt: has no line for 001.Black_footed_Albatross/A_2.jpg", "CUB_200_2011/train_test_split.txt", "1 1\n", data.Options{Split: data.Test}},
		{"other photos", "none of the photos listed", "CUB_200_2011/images.txt", "1 x/y.jpg\n", data.Options{}},
		{"other classes", "names none of the classes", "birds/testclasses.txt", "x\n", data.Options{Split: data.Seen}},
		{"no boxes", "bounding_boxes.txt, which is not there", "birds", "", data.Options{Resize: data.Boxes}},
		{"boxes of no area", `bounding_boxes.txt:1: "1 0 0 0 3" is not`, "CUB_200_2011/bounding_boxes.txt", "1 0 0 0 3\n", data.Options{Resize: data.Boxes}},
		{"boxes that are no numbers", `bounding_boxes.txt:1: "1 0 NaN 2 3" is not`, "CUB_200_2011/bounding_boxes.txt", "1 0 NaN 2 3\n", data.Options{Resize: data.Boxes}},
		{"few boxes", "bounding_boxes.txt: has no line for 001.Black_footed_Albatross/A_2.jpg", "CUB_200_2011/bounding_boxes.txt", "1 0 0 2 3\n", data.Options{Resize: data.Boxes}},
		{"labels", "Labels breed: not available in ", "birds", "", data.Options{Labels: data.Breed}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := birds(t, "birds/text_c10")
			if test.text != "" {
				write(t, test.text, root, test.file)
			} else if err := os.RemoveAll(filepath.Join(root, test.file)); err != nil {
				t.Fatal(err)
			}
			_, err := Folder(root, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestSpeciesOf(t *testing.T) {
	for class, want := range map[string]string{"001.Black_footed_Albatross": "Black_footed_Albatross", "x.y": "x.y", "7.": "7.", ".a": ".a", "plain": "plain"} {
		if got := speciesOf(class); got != want {
			t.Errorf("%s is a %s, want %s", class, got, want)
		}
	}
}
