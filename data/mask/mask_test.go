package mask

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

// described is a mask in the reference values.
type described struct {
	Width, Height int
	String        string
	Counts        []uint32
	Area          int
	Box           [4]int // left, top, width, height

	Pixels  string
	Polygon []float64
}

type reference struct {
	Pixels, Polygons []described
	Large            described
	Merges           []struct {
		Masks               []described
		Union, Intersection described
	}
	Overlaps []struct {
		Found, Truth []described
		Crowd        []int
		IoU          [][]float64
	}
}

func golden(t *testing.T) (g reference) {
	t.Helper()
	content, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// parsed reads the string of a mask of the reference values.
func parsed(t *testing.T, d described) RLE {
	t.Helper()
	r, err := Parse(d.Width, d.Height, d.String)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// same compares a mask with reference values.
func same(t *testing.T, what string, got RLE, want described) {
	t.Helper()
	x0, y0, x1, y1 := got.Bounds()
	width, height := got.Size()
	if width != want.Width || height != want.Height || !slices.Equal(got.Counts(), want.Counts) || got.String() != want.String {
		t.Errorf("%s: %d×%d %v %q, want %d×%d %v %q", what, width, height, got.Counts(), got.String(), want.Width, want.Height, want.Counts, want.String)
	}
	if box := [4]int{x0, y0, x1 - x0, y1 - y0}; got.Area() != want.Area || box != want.Box {
		t.Errorf("%s: area %d, box %v, want %d, %v", what, got.Area(), box, want.Area, want.Box)
	}
}

func TestPixels(t *testing.T) {
	g := golden(t)
	for i, want := range append(g.Pixels, g.Large) {
		what := fmt.Sprintf("mask %d", i)
		same(t, what+" from a string", parsed(t, want), want)
		r, err := FromCounts(want.Width, want.Height, want.Counts)
		if err != nil {
			t.Fatal(err)
		}
		same(t, what+" from counts", r, want)
		again, err := FromPixels(r.Pixels(), want.Width, want.Height)
		if err != nil {
			t.Fatal(err)
		}
		same(t, what+" from its pixels", again, want)
		if want.Pixels != "" {
			for j, v := range r.Pixels() {
				if v != want.Pixels[j]-'0' {
					t.Errorf("%s: pixel %d is %d", what, j, v)
				}
			}
		}
	}
}

func TestPolygons(t *testing.T) {
	for i, want := range golden(t).Polygons {
		r, err := corners(want.Polygon...).RLE(want.Width, want.Height)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("polygon %d %v", i, want.Polygon), r, want)
	}
}

func corners(xy ...float64) (p Polygon) {
	for c := range slices.Chunk(xy, 2) {
		p = append(p, Point{c[0], c[1]})
	}
	return p
}

func TestMerge(t *testing.T) {
	for i, g := range golden(t).Merges {
		var all []RLE
		for _, d := range g.Masks {
			all = append(all, parsed(t, d))
		}
		union, err := Union(all...)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("union %d", i), union, g.Union)
		inter, err := Intersection(all...)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("intersection %d", i), inter, g.Intersection)
	}
}

func TestIoU(t *testing.T) {
	for i, g := range golden(t).Overlaps {
		for f, found := range g.Found {
			for o, truth := range g.Truth {
				iou, err := IoU(parsed(t, found), parsed(t, truth), g.Crowd[o] != 0)
				if err != nil || math.Abs(iou-g.IoU[f][o]) > 1e-15 {
					t.Errorf("%d: IoU of %d and %d is %v, want %v; %v", i, f, o, iou, g.IoU[f][o], err)
				}
			}
		}
	}
}

// Encodings of other programs may have empty runs.
func TestEmptyRuns(t *testing.T) {
	a, err := FromCounts(4, 3, []uint32{0, 0, 2, 3, 0, 0, 1, 0, 0, 2, 4})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := FromPixels(a.Pixels(), 4, 3)
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint32{2, 3, 1, 2, 4}; !slices.Equal(plain.Counts(), want) || a.Area() != 5 {
		t.Errorf("%v, want %v; area %d", plain.Counts(), want, a.Area())
	}
	if iou, err := IoU(a, plain, false); iou != 1 || err != nil {
		t.Errorf("IoU %v, %v", iou, err)
	}
	if u, err := Union(a, a); err != nil || !slices.Equal(u.Counts(), plain.Counts()) {
		t.Errorf("%v, %v", u.Counts(), err)
	}
	if again, err := Parse(4, 3, a.String()); err != nil || !slices.Equal(again.Counts(), a.Counts()) {
		t.Errorf("%v, %v", again.Counts(), err)
	}
}

func TestBad(t *testing.T) {
	for text, want := range map[string]string{
		"":          "has 0 pixels, and not 4×3 = 12",
		"5":         "has 5 pixels, and not",
		"o1":        "more pixels than",
		"P":         "ends within a number",
		"oooooooo0": "too large",
		"4é":        "has the character",
		"O":         "negative count",
		"42":        "has 6 pixels",
		"4l":        "ends within a number",
	} {
		if r, err := Parse(4, 3, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, r.counts, err, want)
		}
	}
	for content, want := range map[string]string{
		`{}`:                                "must be the height and the width",
		`{"size": [3], "counts": "<"}`:      "must be the height and the width",
		`{"size": [-3, -4], "counts": "0"}`: "must be 1 or more",
		`{"size": [9223372036854775807, 2], "counts": "0"}`: "must be 1 or more",
		`{"size": [3, 4]}`:                                     "must be a string or a list",
		`{"size": [3, 4], "counts": [-1]}`:                     "must be a string or a list",
		`{"size": [3, 4], "counts": [11]}`:                     "the sum 11, and not 4×3 = 12",
		`{"size": [3, 4], "counts": [4000000000, 4000000000]}`: "the sum 4000000000 or more",
		`{"size": [3, 4], "counts": "1"}`:                      "has 1 pixels",
	} {
		var r RLE
		if err := json.Unmarshal([]byte(content), &r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	for want, p := range map[string]Polygon{
		"has 2 points":         {{1, 1}, {2, 2}},
		"is not within":        {{1, 1}, {2, 2}, {math.NaN(), 3}},
		"simplify it to":       make(Polygon, maxPoints+1),
		"has a boundary of mo": slices.Repeat(Polygon{{-1 << 20, 0}, {1 << 20, 3}}, 20),
	} {
		if _, err := p.RLE(10, 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	a, _ := FromCounts(2, 2, []uint32{4})
	b, _ := FromCounts(1, 4, []uint32{4})
	if _, err := Union(a, b); err == nil {
		t.Error("masks of different sizes are merged")
	}
	if _, err := IoU(a, b, false); err == nil {
		t.Error("masks of different sizes are compared")
	}
	for _, m := range []*Mask{{}, {Runs: &b}, {Runs: &a, Polygons: []Polygon{corners(0, 0, 1, 1, 0, 1)}}} {
		if _, err := m.RLE(2, 2); err == nil {
			t.Errorf("%+v has pixels", m)
		}
	}
	if _, err := FromPixels(make([]uint8, 5), 2, 2); err == nil {
		t.Error("five pixels of four")
	}
}

func TestJSON(t *testing.T) {
	want := parsed(t, golden(t).Large)
	content, err := json.Marshal(&want)
	if err != nil {
		t.Fatal(err)
	}
	list, _ := json.Marshal(want.Counts())
	for _, content := range []string{string(content), fmt.Sprintf(`{"counts": %s, "size": [700, 900]}`, list)} {
		var got RLE
		if err := json.Unmarshal([]byte(content), &got); err != nil || got.String() != want.String() {
			t.Errorf("%v", err)
		}
	}
}

func TestCrosses(t *testing.T) {
	for _, test := range []struct {
		p    Polygon
		want bool
	}{
		{corners(0, 0, 10, 0, 10, 10, 0, 10), false},
		{corners(0, 0, 10, 10, 10, 0, 0, 10), true},
		{corners(0, 0, 10, 0, 10, 10, 0, 0, 5, 8), false},                // touches itself in a corner
		{corners(0, 0, 10, 0, 10, 10, 6, 10, 6, -1, 5, -1, 5, 10), true}, // through an edge and back
		{corners(0, 0, 5, 0, 10, 0, 10, 5, 5, 0, 0, 9), false},           // touches the middle of an edge
		{corners(3, 0, 3, 9, 0, 9, 3, 9), false},
	} {
		if got := test.p.Crosses(); got != test.want {
			t.Errorf("%v: %t", test.p, got)
		}
	}
}

// Pixels of a moved mask are those of the picture that is moved with it.
func TestMove(t *testing.T) {
	l := corners(2, 1, 8, 1, 8, 3, 4, 3, 4, 7, 2, 7)
	polygons := &Mask{Polygons: []Polygon{l}}
	runs, err := polygons.RLE(10, 8)
	if err != nil {
		t.Fatal(err)
	}
	if runs.Area() != 6*2+2*4 {
		t.Fatalf("area %d", runs.Area())
	}
	for _, m := range []*Mask{polygons, {Runs: &runs}} {
		for _, at := range []data.Map{
			{ScaleX: 1, ScaleY: 1, Width: 10, Height: 8},
			{ScaleX: 2, ScaleY: 3, Width: 20, Height: 24},
			{ScaleX: 1, ScaleY: 1, Width: 10, Height: 8, Mirror: true},
			{Left: 3, Top: 2, ScaleX: 4, ScaleY: 4, Width: 20, Height: 12, Mirror: true},
			{Left: -5, Top: -7, ScaleX: 1, ScaleY: 2, Width: 30, Height: 40},
		} {
			got, err := m.Move(at).RLE(int(at.Width), int(at.Height))
			if err != nil {
				t.Fatal(err)
			}
			pixels := got.Pixels()
			for v := range int(at.Height) {
				for u := range int(at.Width) {
					x := (float64(u) + 0.5) / at.ScaleX
					if at.Mirror {
						x = (at.Width - float64(u) - 0.5) / at.ScaleX
					}
					x, y := x+at.Left, (float64(v)+0.5)/at.ScaleY+at.Top
					within := x > 2 && x < 8 && y > 1 && y < 7 && (x < 4 || y < 3)
					if (pixels[v*int(at.Width)+u] == 1) != within {
						t.Errorf("%+v: pixel %d, %d is %d", at, u, v, pixels[v*int(at.Width)+u])
					}
				}
			}
		}
		if m.Move(data.Map{Left: 5, Top: 4, ScaleX: 1, ScaleY: 1, Width: 5, Height: 4}) != nil {
			t.Error("a part outside of the mask has one")
		}
		part, err := m.Within(2, 1, 8, 7, 3, 3)
		if err != nil || !bytes.Equal(part.Pixels(), []uint8{1, 1, 1, 1, 0, 0, 1, 0, 0}) {
			t.Errorf("%v, %v", part.Pixels(), err)
		}
		if part, err = m.Within(5, 4, 8, 7, 3, 3); err != nil || part.Area() != 0 {
			t.Errorf("%v, %v", part, err)
		}
		if _, err = m.Within(5, 4, 5, 7, 3, 3); err == nil {
			t.Error("an empty box")
		}
		if x0, y0, x1, y1 := m.Bounds(); [4]float64{x0, y0, x1, y1} != [4]float64{2, 1, 8, 7} {
			t.Errorf("bounds %v %v %v %v", x0, y0, x1, y1)
		}
	}
}

// TestFromPart compares a part with the whole picture around it.
func TestFromPart(t *testing.T) {
	const width, height, left, top, columns, rows = 9, 7, 2, 3, 5, 4
	part, whole := make([]uint8, columns*rows), make([]uint8, width*height)
	for i := range part {
		part[i] = uint8(i * 7 % 3)
		whole[(top+i/columns)*width+left+i%columns] = part[i]
	}
	want, err := FromPixels(whole, width, height)
	if err != nil {
		t.Fatal(err)
	}
	got, err := FromPart(part, left, top, columns, rows, width, height)
	if err != nil || got.String() != want.String() {
		t.Errorf("%v, %v; want %v", got.Counts(), err, want.Counts())
	}
	if got, err := FromPart(nil, 9, 7, 0, 0, width, height); err != nil || got.Area() != 0 {
		t.Errorf("an empty part: %v, %v", got, err)
	}
	for _, at := range [][4]int{{-1, 0, 5, 4}, {5, 0, 5, 4}, {0, 4, 5, 4}, {0, 0, 4, 4}} {
		if _, err := FromPart(part, at[0], at[1], at[2], at[3], width, height); err == nil {
			t.Errorf("%v is accepted", at)
		}
	}
}
