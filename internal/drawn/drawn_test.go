package drawn

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

func pictures(t testing.TB, seed uint64, n int, o Options) *data.Dataset {
	t.Helper()
	d, err := New(seed, n, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDeterministic(t *testing.T) {
	d := pictures(t, 3, 30, Options{Workers: 1})
	if d.Len() != 30 || d.Size != 64 || len(d.Pixels) != 30*64*64*3 || !slices.Equal(d.Classes, []string{"cat", "dog"}) {
		t.Fatalf("%d pictures of %d×%d, %v", d.Len(), d.Size, d.Size, d.Classes)
	}
	if !slices.Equal(d.Report.Counts, []int{15, 15}) || d.Label(0) != 0 || d.Label(1) != 1 {
		t.Errorf("counts %v, first labels %v", d.Report.Counts, d.Labels[:2])
	}
	if again := pictures(t, 3, 30, Options{Workers: 4}); !bytes.Equal(again.Pixels, d.Pixels) {
		t.Error("four workers draw other pictures than one")
	}
	if more := pictures(t, 3, 41, Options{}); !bytes.Equal(more.Pixels[:len(d.Pixels)], d.Pixels) {
		t.Error("a larger set begins with other pictures")
	}
	if other := pictures(t, 4, 30, Options{}); bytes.Equal(other.Image(0), d.Image(0)) {
		t.Error("another seed draws the same picture")
	}
	for i := range d.Len() {
		for j := range i {
			if bytes.Equal(d.Image(i), d.Image(j)) {
				t.Errorf("pictures %d and %d are equal", i, j)
			}
		}
	}
}

// At half the size each picture is the whole one, shrunk.
func TestSizes(t *testing.T) {
	large, small := pictures(t, 5, 20, Options{Size: 128}), pictures(t, 5, 20, Options{Size: 64})
	for i := range large.Len() {
		l, s := large.Image(i), small.Image(i)
		var sum float64
		for y := range 64 {
			for x := range 64 {
				for c := range 3 {
					at := func(dy, dx int) float64 { return float64(l[((2*y+dy)*128+2*x+dx)*3+c]) }
					mean := (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4
					sum += math.Abs(mean - float64(s[(y*64+x)*3+c]))
				}
			}
		}
		if mean := sum / (64 * 64 * 3); mean > 2 {
			t.Errorf("picture %d differs by %.1f of 255 between sizes", i, mean)
		}
	}
}

// The pixels distinguish the classes: the nearest of 1,500 other pictures is mostly of the same class.
func TestClassesDiffer(t *testing.T) {
	d := pictures(t, 1, 1600, Options{Size: 16})
	right := 0
	for i := range 100 {
		best, label := math.MaxInt, -1
		for j := 100; j < d.Len(); j++ {
			sum, a, b := 0, d.Image(i), d.Image(j)
			for k := range a {
				e := int(a[k]) - int(b[k])
				sum += e * e
			}
			if sum < best {
				best, label = sum, d.Label(j)
			}
		}
		if label == d.Label(i) {
			right++
		}
	}
	t.Logf("%d of 100 right", right)
	if right < 70 {
		t.Errorf("nearest neighbour names the class of %d in 100 pictures, want 70 or more", right)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct{ n, size int }{{0, 64}, {-1, 64}, {1, 7}, {1, 1025}, {1, -64}} {
		if _, err := New(1, test.n, Options{Size: test.size}); err == nil {
			t.Errorf("%d pictures of size %d: no error", test.n, test.size)
		}
	}
}

func TestStrokeIsAsWideAsAsked(t *testing.T) {
	c := newCanvas(64)
	c.reset()
	c.fill(rectangle(point{0, 0}, point{1, 1}), flat(color{0, 0, 0, 1}))
	c.fill(stroke(0.25, 0.25, point{0.25, 0.5}, point{0.75, 0.5}), flat(color{1, 1, 1, 1}))
	var area, column float64
	for y := range 64 {
		column += float64(c.rgb[(y*64+32)*3])
		for x := range 64 {
			area += float64(c.rgb[(y*64+x)*3])
		}
	}
	if math.Abs(column-16) > 0.1 {
		t.Errorf("stroke is %.2f pixels wide, want 16", column)
	}
	if want := 32*16 + math.Pi*8*8; math.Abs(area-want) > 0.03*want {
		t.Errorf("stroke covers %.0f pixels, want %.0f", area, want)
	}
}

func TestClip(t *testing.T) {
	c := newCanvas(10)
	c.reset()
	everything := rectangle(point{-1, -1}, point{2, 2})
	c.fill(everything, flat(color{0, 0, 0, 1}))
	c.clipped(rectangle(point{0.2, 0.3}, point{0.6, 0.7}), func() { c.fill(everything, flat(color{1, 1, 1, 1})) })
	for y := range 10 {
		for x := range 10 {
			want := float32(0)
			if x >= 2 && x < 6 && y >= 3 && y < 7 {
				want = 1
			}
			if got := c.rgb[(y*10+x)*3]; math.Abs(float64(got-want)) > 0.01 {
				t.Errorf("pixel %d, %d is %v, want %v", x, y, got, want)
			}
		}
	}
}
