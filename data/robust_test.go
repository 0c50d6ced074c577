package data

import (
	"image"
	"math"
	"runtime"
	"strings"
	"testing"
)

// TestBadArguments passes arguments that make no sense to the public functions. They return errors; none panics or allocates
// without bound.
func TestBadArguments(t *testing.T) {
	picture := encoded(t, uniform(image.NewNRGBA(image.Rect(0, 0, 4, 4)), orange), "png")
	read := func(yield func(int, Encoded) bool) error {
		get := func() ([]byte, error) { return picture, nil }
		for _, i := range []int{-1, 0, 0, 7, math.MaxInt} { // all but one are of no item
			if !yield(i, get) {
				break
			}
		}
		yield(0, nil)
		return nil
	}
	item := []Item{{Name: "a"}}
	o := Options{Size: 4, Cache: NoCache}
	if d, err := Load(Source{Layout: "test", Classes: []string{"a"}, Items: item, Read: read, Texts: TextFiles(t.TempDir(), nil)}, o); err != nil || d.Len() != 1 {
		t.Errorf("a reader that yields items that are not there: %v", err)
	}
	for name, s := range map[string]Source{
		"nothing": {}, "no reader": {Classes: []string{"a"}, Items: item}, "no classes": {Items: item, Read: read},
		"a label of no class": {Classes: []string{"a"}, Items: []Item{{Label: 1}}, Read: read}, "a negative label": {Classes: []string{"a"}, Items: []Item{{Label: -1}}, Read: read},
	} {
		if _, err := Load(s, o); err == nil {
			t.Errorf("a source with %s: no error", name)
		}
	}
	for _, size := range []int{math.MinInt, -1, 0, maxSize + 1, math.MaxInt} {
		if Decode(nil, picture, size, Squash) == nil {
			t.Errorf("Decode to size %d: no error", size)
		}
		if _, err := DecodeFile("x.png", size, 3, Squash); err == nil || !strings.Contains(err.Error(), "Size") {
			t.Errorf("DecodeFile to size %d: %v", size, err)
		}
	}
	for _, channels := range []int{math.MinInt, 0, 2, math.MaxInt} {
		if _, err := DecodeFile("x.png", 8, channels, Squash); err == nil || !strings.Contains(err.Error(), "Channels") {
			t.Errorf("DecodeFile to %d channels: %v", channels, err)
		}
	}
	if err := Decode(make([]uint8, 4*4*3), picture, 4, "fold"); err == nil || !strings.Contains(err.Error(), "Resize fold") {
		t.Errorf("Decode by folding: %v", err)
	}
	d := numbered(0, 1, 7, -1) // labels without a class
	if part := d.Where(func(int) bool { return true }); part.Len() != 4 || part.Report.Total() != 2 {
		t.Errorf("Where: %d pictures, %d counted", part.Len(), part.Report.Total())
	}
	if text := (Report{Classes: []string{"a", "b"}, Counts: []int{1}}).String(); !strings.Contains(text, "a 1") {
		t.Errorf("a report without counts: %q", text)
	}
	for _, n := range []int{math.MinInt, -1, 0} {
		if i := Choose(1, -1, -1, n); i != -1 {
			t.Errorf("one of %d: %d", n, i)
		}
	}
}

// TestTallPictures decodes the tallest picture there may be to the largest size, in bounded memory.
func TestTallPictures(t *testing.T) {
	for _, box := range []image.Rectangle{image.Rect(0, 0, 1, 65535), image.Rect(0, 0, 65535, 1), image.Rect(0, 0, 7, 60000)} {
		tall := encoded(t, image.NewGray(box), "png")
		dst := make([]uint8, 256*256*3)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Decode(dst, tall, 256, Squash)
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; err != nil || took > 32 {
			t.Errorf("%v: %d MB, %v", box, took, err)
		}
	}
}
