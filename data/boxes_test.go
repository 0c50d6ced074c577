package data

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
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

// TestTurnedBoxes cuts the red quarter out of a picture that Exif data turn or mirror: its box is that of the picture as it is stored.
// The box of a detector is that of the upright picture.
func TestTurnedBoxes(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 64, 32))
	for i := range 64 * 32 {
		img.Set(i%64, i/64, color.NRGBA{0, 0, 255, 255})
		if i%64 < 16 && i/64 < 16 {
			img.Set(i%64, i/64, color.NRGBA{255, 0, 0, 255})
		}
	}
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	upright := map[byte]Box{
		1: {0, 0, 16, 16}, 2: {48, 0, 16, 16}, 3: {48, 16, 16, 16}, 4: {0, 16, 16, 16},
		5: {0, 0, 16, 16}, 6: {16, 0, 16, 16}, 7: {16, 48, 16, 16}, 8: {0, 48, 16, 16},
	}
	for orientation, detected := range upright {
		file := turned(encoded.Bytes(), orientation)
		for mode, box := range map[Resize]Box{Boxes: {0, 0, 16, 16}, "detector:x": detected} {
			var pixel [3]uint8
			if err := (Limits{}).decode(pixel[:], file, shape{size: 1, mode: mode, subject: Subject{Box: box}}); err != nil || pixel[0] < 240 || pixel[2] > 15 {
				t.Errorf("orientation %d, %s: %v, %v", orientation, mode, pixel, err)
			}
		}
	}
}

// turned puts an orientation into the Exif data of a JPEG.
func turned(encoded []byte, orientation byte) []byte {
	exif := "\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00"
	return slices.Concat(encoded[:2], []byte(exif), encoded[2:])
}

// TestDecodeWholeLarge refuses a JPEG that would be decoded to an eighth of its sides, in whose pixels boxes are not; a detector that
// finds subjects sees it, and its boxes are scaled.
func TestDecodeWholeLarge(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8000, 6304)), nil); err != nil {
		t.Fatal(err)
	}
	const want = "8000×6304 pixels, more than the 50 million we decode in their own size; make it smaller"
	if _, err := (Limits{}).DecodeWhole(b.Bytes(), true); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	if _, err := (Limits{}).Inspect(b.Bytes()); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	s := Source{Layout: "test", Path: "x", Classes: []string{"a"}, Items: []Item{{Name: "p"}}}
	s.Read = func(yield func(int, Encoded) bool) error {
		yield(0, func() ([]byte, error) { return b.Bytes(), nil })
		return nil
	}
	found, err := FindSubjects(s, Options{Subjects: func(_ context.Context, pictures []image.Image) ([]Subject, error) {
		if size := pictures[0].Bounds().Size(); size != image.Pt(1000, 788) {
			t.Error(size)
		}
		return []Subject{{Box: Box{1, 2, 3, 4}}}, nil
	}})
	if err != nil || found.Items[0].Box != (Box{8, 16, 24, 32}) {
		t.Errorf("%v, %v", found.Items, err)
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
