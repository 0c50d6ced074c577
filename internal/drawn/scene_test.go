package drawn

import (
	"bytes"
	"image"
	"os"
	"reflect"
	"testing"

	"github.com/disintegration/imaging"
)

func scene(t testing.TB, seed uint64, i, size int) *Scene {
	t.Helper()
	s, err := NewScene(seed, i, size)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSceneBoxes compares each box with the pixels that differ from the scene without animals.
func TestSceneBoxes(t *testing.T) {
	counts, truncated := make([]int, len(SceneClasses)), 0
	for i := range 60 {
		s := scene(t, 5, i, 200)
		if len(s.Animals) == 0 {
			t.Fatalf("scene %d has no animals", i)
		}
		full, empty := s.Pixels(), s.draw(false)
		if len(full) != s.Width*s.Height*3 || len(empty) != len(full) {
			t.Fatalf("scene %d: %d bytes", i, len(full))
		}
		for n, a := range s.Animals {
			counts[a.Class]++
			if a.Truncated {
				truncated++
			}
			if a.Box[0] < 0 || a.Box[1] < 0 || a.Box[2] > float64(s.Width) || a.Box[3] > float64(s.Height) || a.Box[2]-a.Box[0] < 10 || a.Box[3]-a.Box[1] < 10 {
				t.Errorf("scene %d: box %v of %d×%d", i, a.Box, s.Width, s.Height)
			}
			alone := true
			for k, o := range s.Animals {
				near := [4]float64{o.Box[0] - 4, o.Box[1] - 4, o.Box[2] + 4, o.Box[3] + 4}
				alone = alone && (k == n || hides(a.Box, near) == 0)
			}
			if !alone {
				continue
			}
			lo, hi := image.Pt(s.Width, s.Height), image.Pt(-1, -1)
			for y := max(0, int(a.Box[1])-3); y < min(s.Height, int(a.Box[3])+4); y++ {
				for x := max(0, int(a.Box[0])-3); x < min(s.Width, int(a.Box[2])+4); x++ {
					at := (y*s.Width + x) * 3
					if !bytes.Equal(full[at:at+3], empty[at:at+3]) {
						lo, hi = image.Pt(min(lo.X, x), min(lo.Y, y)), image.Pt(max(hi.X, x+1), max(hi.Y, y+1))
					}
				}
			}
			for k, d := range []float64{float64(lo.X) - a.Box[0], float64(lo.Y) - a.Box[1], float64(hi.X) - a.Box[2], float64(hi.Y) - a.Box[3]} {
				if d < -1.5 || d > 1.5 {
					t.Errorf("scene %d: %s: edge %d is off by %.2f pixels", i, SceneClasses[a.Class], k, d)
				}
			}
		}
	}
	for class, n := range counts {
		if n < 20 {
			t.Errorf("%d of class %s", n, SceneClasses[class])
		}
	}
	if truncated == 0 {
		t.Error("no animal reaches beyond its picture")
	}
}

// TestSceneMasks compares masks with the pixels that differ from the scene without animals: all of them that differ much are covered,
// and no mask reaches beyond its box.
func TestSceneMasks(t *testing.T) {
	for i := range 20 {
		s := scene(t, 5, i, 160)
		full, empty, masks := s.Pixels(), s.draw(false), s.Masks()
		if len(masks) != len(s.Animals) {
			t.Fatalf("scene %d: %d masks of %d animals", i, len(masks), len(s.Animals))
		}
		differ, missed := 0, 0
		for p := range s.Width * s.Height {
			covered := 0
			for n, m := range masks {
				x, y, b := float64(p%s.Width), float64(p/s.Width), s.Animals[n].Box
				if m[p] == 0 {
					continue
				}
				if covered++; x < b[0]-1 || y < b[1]-1 || x > b[2] || y > b[3] {
					t.Fatalf("scene %d: animal %d covers %v, %v, and its box is %v", i, n, x, y, b)
				}
			}
			if covered > 1 {
				t.Fatalf("scene %d: %d animals cover pixel %d", i, covered, p)
			}
			far := 0
			for k := range 3 {
				d := int(full[3*p+k]) - int(empty[3*p+k])
				far = max(far, d, -d)
			}
			if far > 60 {
				if differ++; covered == 0 {
					missed++
				}
			}
		}
		if differ == 0 || missed*20 > differ {
			t.Errorf("scene %d: masks miss %d of %d pixels", i, missed, differ)
		}
	}
}

func TestScenesAreDeterministic(t *testing.T) {
	a, b, other := scene(t, 1, 7, 96), scene(t, 1, 7, 96), scene(t, 1, 8, 96)
	if !reflect.DeepEqual(a, b) || !bytes.Equal(a.Pixels(), b.Pixels()) || !bytes.Equal(a.Pixels(), a.Pixels()) {
		t.Error("a scene differs from itself")
	}
	if bytes.Equal(a.Pixels(), other.Pixels()) {
		t.Error("two scenes are equal")
	}
	if _, err := NewScene(1, 0, 16); err == nil {
		t.Error("16 pixels")
	}
	if _, err := NewScene(1, -1, 64); err == nil {
		t.Error("scene -1")
	}
}

// TestSceneSheet writes scenes to look at.
func TestSceneSheet(t *testing.T) {
	path := os.Getenv("BESTIARY_SCENES")
	if path == "" {
		t.Skip("BESTIARY_SCENES does not name a PNG to write")
	}
	sheet := image.NewNRGBA(image.Rect(0, 0, 6*260, 4*260))
	for i := range 24 {
		s := scene(t, 1, i, 256)
		pixels := s.Pixels()
		for k := range s.Width * s.Height {
			o := sheet.PixOffset(i%6*260+k%s.Width, i/6*260+k/s.Width)
			copy(sheet.Pix[o:], pixels[3*k:3*k+3])
			sheet.Pix[o+3] = 255
		}
	}
	if err := imaging.Save(sheet, path); err != nil {
		t.Fatal(err)
	}
}
