package data

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSquare(t *testing.T) {
	for _, test := range []struct {
		box    Box
		margin float64
		want   image.Rectangle
	}{
		{Box{40, 30, 20, 10}, 0, image.Rect(40, 25, 60, 45)},
		{Box{40, 30, 20, 10}, 0.5, image.Rect(30, 15, 70, 55)},
		{Box{0, 0, 10, 20}, 0.25, image.Rect(0, 0, 30, 30)},        // moved into the picture
		{Box{90, 50, 10, 10}, 0.5, image.Rect(80, 40, 100, 60)},    // likewise, on the other side
		{Box{10, 0, 70, 60}, 0.1, image.Rect(3, 0, 87, 60)},        // higher than the picture: no square
		{Box{0, 0, 100, 60}, 2, image.Rect(0, 0, 100, 60)},         // the whole picture
		{Box{50.4, 20.2, 0.2, 0.2}, 0, image.Rect(50, 20, 51, 21)}, // at least a pixel
		{Box{500, 500, 10, 10}, 0, image.Rect(90, 50, 100, 60)},    // outside
	} {
		if got := test.box.Square(test.margin, 100, 60); got != test.want {
			t.Errorf("%v with margin %v: %v, want %v", test.box, test.margin, got, test.want)
		}
	}
}

func TestResizeBoxes(t *testing.T) {
	for mode, want := range map[Resize]string{
		"boxes:": "boxes:MARGIN", "boxes:-1": "boxes:MARGIN", "boxes:3": "boxes:MARGIN", "boxes:NaN": "boxes:MARGIN", "box": "must be squash, crop, boxes",
	} {
		if _, err := (Options{Resize: mode}).Resolve(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", mode, err, want)
		}
	}
	for _, mode := range []Resize{Boxes, BoxesWith(0.1), BoxesWith(0)} {
		if o, err := (Options{Resize: mode}).Resolve(); err != nil || o.Resize != mode || mode.WithoutBoxes() != CenterCrop {
			t.Errorf("%s: %v, %v", mode, o.Resize, err)
		}
		if _, err := (Options{Resize: mode}).ResolveFor("folder", "x", 0); err == nil || !strings.Contains(err.Error(), "no bounding boxes; use squash or crop") {
			t.Errorf("%s in a folder: %v", mode, err)
		}
	}
	if Squash.WithoutBoxes() != Squash {
		t.Error("squash changes")
	}
	if err := Decode(make([]uint8, 48), nil, 4, Boxes); err == nil {
		t.Error("Decode without a box")
	}
}

// A load cuts out the box of each picture, and another box is not taken from the cache.
func TestLoadBoxes(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 40, 20))
	for i := range 40 * 20 {
		img.Set(i%40, i/40, color.NRGBA{uint8(6 * (i % 40)), uint8(12 * (i / 40)), 0, 255})
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, img); err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	mean := func(box Box) (x, y int) {
		t.Helper()
		s := Source{Layout: "test", Path: "x", Classes: []string{"a"}, Items: []Item{{Name: "p", Stamp: "s", Box: box}}}
		s.Read = func(yield func(int, Encoded) bool) error {
			yield(0, func() ([]byte, error) { return encoded.Bytes(), nil })
			return nil
		}
		d, err := Load(s, Options{Size: 1, Resize: BoxesWith(0.5), Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		return int(d.Pixels[0]), int(d.Pixels[1])
	}
	near := func(got, want int) bool { return got-want <= 3 && want-got <= 3 }
	for range 2 { // from the cache the second time
		if x, y := mean(Box{10, 8, 4, 2}); !near(x, 6*12-3) || !near(y, 12*9-6) {
			t.Errorf("the mean of the square around 12, 9 is that of %d, %d", x, y)
		}
		if x, y := mean(Box{30, 8, 4, 2}); !near(x, 6*32-3) || !near(y, 12*9-6) {
			t.Errorf("the mean of the square around 32, 9 is that of %d, %d", x, y)
		}
	}
	bad := Source{Layout: "test", Path: "x", Classes: []string{"a"}, Items: []Item{{Name: "p"}}, Read: func(func(int, Encoded) bool) error { return nil }}
	if _, err := Load(bad, Options{Resize: Boxes, Cache: NoCache}); err == nil || !strings.Contains(err.Error(), "p: the bounding box") {
		t.Errorf("without a box: %v", err)
	}
}

// Class captions are the names of the classes; the dataset itself keeps its own.
func TestWithClassCaptions(t *testing.T) {
	d := &Dataset{Size: 1, Classes: []string{"Black_footed_Albatross", "cat"}, Labels: []int{1, 0}, Pixels: make([]uint8, 6)}
	named := d.WithClassCaptions()
	if d.Captions != nil || len(named.Captions) != 2 || named.Captions[0][0] != "cat" || named.Captions[1][0] != "Black footed Albatross" {
		t.Errorf("captions %q", named.Captions)
	}
}

// Breed captions name breed and class, and need pictures that are named after their breed.
func TestWithBreedCaptions(t *testing.T) {
	d := &Dataset{Size: 1, Classes: []string{"cat", "dog"}, Labels: []int{1, 0}, Pixels: make([]uint8, 6), Names: []string{"dog/golden_retriever_7.jpg", "cat/persian_12.jpg"}}
	named, err := d.WithBreedCaptions()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"golden retriever dog", "dog"}, {"persian cat", "cat"}}, named.Captions); diff != "" || d.Captions != nil {
		t.Errorf("captions (- want, + got):\n%s", diff)
	}
	d.Names[1] = "cat/holiday.jpg"
	if _, err := d.WithBreedCaptions(); err == nil || !strings.Contains(err.Error(), "cat/holiday.jpg") {
		t.Errorf("a picture that is not named after a breed: %v", err)
	}
}
