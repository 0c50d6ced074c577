package mask

import (
	"encoding/json"
	"slices"
	"testing"
)

// The decoder accepts exactly the strings of masks, and their sizes bound its memory.
func FuzzParse(f *testing.F) {
	f.Add(4, 3, "0<")
	f.Add(900, 700, "oooooooo")
	f.Add(1<<40, 1<<40, "P0")
	f.Add(4, 3, "423OO2")
	f.Fuzz(func(t *testing.T, width, height int, text string) {
		r, err := Parse(width, height, text)
		if err != nil {
			return
		}
		sum := 0
		for _, n := range r.counts {
			sum += int(n)
		}
		if sum != width*height || len(r.counts) > len(text) {
			t.Fatalf("%v of %d×%d", r.counts, width, height)
		}
		again, err := Parse(width, height, r.String())
		if err != nil || !slices.Equal(again.counts, r.counts) {
			t.Errorf("%v became %v, %v", r.counts, again.counts, err)
		}
		if x0, y0, x1, y1 := r.Bounds(); x0 < 0 || y0 < 0 || x1 > width || y1 > height || (x1-x0)*(y1-y0) < r.Area() {
			t.Errorf("the box %d %d %d %d of %v", x0, y0, x1, y1, r.counts)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"size": [3, 4], "counts": [12]}`))
	f.Add([]byte(`{"size": [3, 4], "counts": "0<"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		var r RLE
		if json.Unmarshal(content, &r) == nil && r.width > 0 {
			if _, err := FromCounts(r.width, r.height, r.counts); err != nil {
				t.Error(err)
			}
		}
	})
}

// Polygons of any corners have masks or an error.
func FuzzPolygon(f *testing.F) {
	f.Add(1., 2., 30., 4., 5., 60.)
	f.Add(-1e300, 2., 1e6, 4., 5., -1e6)
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g float64) {
		p := corners(a, b, c, d, e, g)
		r, err := p.RLE(20, 30)
		if err != nil {
			return
		}
		if _, err := FromCounts(20, 30, r.counts); err != nil {
			t.Error(err)
		}
		if p.Crosses() {
			t.Errorf("the triangle %v crosses itself", p)
		}
	})
}
