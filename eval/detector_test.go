package eval

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/sample/layout"
)

// fakeDetector returns what a function finds.
type fakeDetector struct {
	classes []string
	find    func(m *boxes.Image) []detect.Detection
}

func (f fakeDetector) Classes() []string { return f.classes }
func (f fakeDetector) Run() string       { return "runs/fake" }
func (f fakeDetector) Detect(_ context.Context, pictures []*boxes.Image) (all [][]detect.Detection, err error) {
	for _, m := range pictures {
		all = append(all, f.find(m))
	}
	return all, nil
}

func TestDetectSet(t *testing.T) {
	s, err := boxes.Open("scenes:4:30", boxes.Options{Split: data.Test})
	if err != nil {
		t.Fatal(err)
	}
	// A detector that knows the scenes, and mistakes dogs for cats.
	known := map[int][]boxes.Object{}
	key := func(m *boxes.Image) (sum int) {
		for i, v := range m.Pixels {
			sum += i % 977 * int(v)
		}
		return sum
	}
	for _, p := range s.Pictures {
		m, _ := p.Read()
		known[key(m)] = p.Objects
	}
	d := fakeDetector{s.Classes, func(m *boxes.Image) (all []detect.Detection) {
		for _, o := range known[key(m)] {
			all = append(all, detect.Detection{Class: min(o.Class, 1), Box: o.Box, Score: 0.9})
		}
		return all
	}}
	steps := 0
	got, err := DetectSet(t.Context(), d, s, func(done, total int) { steps = 100*done + total })
	if err != nil || len(got.Pictures) != 6 || steps != 606 {
		t.Fatal(steps, err)
	}
	f, err := got.Figures()
	if err != nil {
		t.Fatal(err)
	}
	if bird, dog := f.Classes[0], f.Classes[2]; *bird.Area != 1 || *dog.Area != 0 || f.Pictures != 6 || f.LeftOut != nil {
		t.Errorf("%+v", f.Report)
	}
	var wrong *fault.FieldError
	if _, err := DetectSet(t.Context(), fakeDetector{classes: []string{"raccoon"}}, s, nil); !errors.As(err, &wrong) {
		t.Errorf("other classes: %v", err)
	}
	if _, err := DetectSet(t.Context(), nil, nil, nil); !errors.As(err, &wrong) {
		t.Errorf("nil: %v", err)
	}
}

// TestDetectSetDamaged has a picture that can be measured but not decoded.
func TestDetectSetDamaged(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"good", "bad"} {
		path := filepath.Join(root, name+".png")
		if err := layout.SavePNG(path, noise(1, 40)[0]); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name+".txt"), []byte("0 0.5 0.5 0.5 0.5\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "classes.txt"), []byte("cat\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(root, "bad.png")
	if err := os.Truncate(bad, 300); err != nil {
		t.Fatal(err)
	}
	s, err := boxes.Open(root, boxes.Options{})
	if err != nil || len(s.Pictures) != 2 {
		t.Fatal(err)
	}
	d := fakeDetector{s.Classes, func(m *boxes.Image) []detect.Detection {
		return []detect.Detection{{Box: boxes.FromSize(10, 10, 20, 20), Score: 0.5}}
	}}
	got, err := DetectSet(t.Context(), d, s, nil)
	if err != nil || len(got.LeftOut) != 1 || got.LeftOut[0].Name != "bad.png" || len(got.Set.Pictures) != 1 || len(s.Pictures) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if f, err := got.Figures(); err != nil || *f.Area != 1 || len(f.LeftOut) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	s.Pictures = slices.DeleteFunc(s.Pictures, func(p boxes.Picture) bool { return p.Name == "good.png" })
	if _, err := DetectSet(t.Context(), d, s, nil); err == nil || !strings.Contains(err.Error(), "none of its 1 pictures") {
		t.Errorf("no picture: %v", err)
	}
}

// TestFound measures a generator by a detector that finds cats in pictures of the toy's cats, dogs in the others, and nothing in noise.
func TestFound(t *testing.T) {
	all := toy.Pets(120)
	heldOut, fresh := all.Where(func(i int) bool { return i < 40 }), all.Where(func(i int) bool { return i >= 40 })
	labels := map[string]int{}
	for i := range all.Len() {
		labels[string(all.Image(i))] = all.Label(i)
	}
	d := fakeDetector{all.Classes, func(m *boxes.Image) []detect.Detection {
		label, there := labels[string(m.Pixels)]
		if !there {
			return []detect.Detection{{Score: 0.1}}
		}
		return []detect.Detection{{Class: 1 - label, Score: 0.3}, {Class: label, Score: 0.8}}
	}}
	measure := func(o QualityOptions, drawn *data.Dataset) *Quality {
		t.Helper()
		r, err := NewReference(t.Context(), heldOut, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		q, err := r.Measure(t.Context(), shows(drawn, all.Classes))
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	q := measure(QualityOptions{Detector: d}, heldOut)
	if f := q.Found; f == nil || f.Any.Value != 1 || f.Any.Floor.Value != 1 || f.Right.Value != 1 || f.Right.Floor.Value != 1 || f.Noise.Value != 0 || f.Score != 0.5 || f.Detector != "runs/fake" {
		t.Fatalf("%+v", f)
	}
	if table := Table(q); !strings.Contains(table, "object found by the detector") || !strings.Contains(table, "object of the class asked for found") {
		t.Error(table)
	}
	if f := measure(QualityOptions{Detector: d, DetectorScore: 0.9}, heldOut).Found; f.Any.Value != 0 || f.Any.Floor.Value != 0 {
		t.Errorf("at score 0.9: %+v", f)
	}
	blank := &data.Dataset{Size: toy.PetSize, Pixels: make([]uint8, len(fresh.Pixels)), Labels: make([]int, fresh.Len())}
	if f := measure(QualityOptions{Detector: d}, blank).Found; f.Any.Value != 0 || f.Any.Floor.Value != 1 {
		t.Errorf("black pictures: %+v", f)
	}
	d.classes = []string{"persian", "pug"}
	if f := measure(QualityOptions{Detector: d}, heldOut).Found; f.Any.Value != 1 || f.Right != nil {
		t.Errorf("breeds: %+v", f)
	}
	var wrong *fault.FieldError
	if _, err := NewReference(t.Context(), heldOut, nil, QualityOptions{DetectorScore: 2}); !errors.As(err, &wrong) {
		t.Errorf("score 2: %v", err)
	}
}
