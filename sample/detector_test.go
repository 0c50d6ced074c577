package sample

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// dark finds the dark part of each picture.
type dark struct{ size int }

func (m dark) Detect(x *tensor.Tensor) (all [][]detect.Detection) {
	values, s := x.Values(), m.size
	for i := range x.Dim(0) {
		b := boxes.Box{X0: 2, Y0: 2, X1: -1, Y1: -1}
		for k := range s * s {
			if values[(i*s*s+k)*3] < 0 {
				u, v := float64(k%s)/float64(s), float64(k/s)/float64(s)
				b = b.Enclose(boxes.FromSize(u, v, 1/float64(s), 1/float64(s)))
			}
		}
		if b.Empty() {
			all = append(all, nil)
			continue
		}
		all = append(all, []detect.Detection{{Class: 1, Box: b, Score: 0.75}})
	}
	return all
}

// shaded is a white picture with a black rectangle.
func shaded(width, height int, r boxes.Box) *boxes.Image {
	m := &boxes.Image{Width: width, Height: height, Pixels: make([]uint8, 3*width*height)}
	for i := range m.Pixels {
		if !r.Contains(float64(i/3%width), float64(i/3/width)) {
			m.Pixels[i] = 255
		}
	}
	return m
}

func TestDetector(t *testing.T) {
	d := openDevice(t)
	p, err := newDetector(d, DetectorOptions{Classes: []string{"cat", "dog"}}, squashing{dark{20}, 20}, 20, 2)
	if err != nil {
		t.Fatal(err)
	}
	var pictures []*boxes.Image
	var want []boxes.Box
	for i := range 19 { // more than two batches, of many shapes
		b := boxes.FromSize(float64(10*(i%3)), 20, 50, 40)
		want = append(want, b)
		pictures = append(pictures, shaded(100+20*i, 80, b))
	}
	pictures = append(pictures, shaded(40, 40, boxes.Box{}))
	found, err := p.Detect(context.Background(), pictures)
	if err != nil || len(found) != len(pictures) {
		t.Fatal(len(found), err)
	}
	for i, b := range want {
		if len(found[i]) != 1 || found[i][0].Class != 1 {
			t.Fatalf("picture %d: %+v", i, found[i])
		}
		if iou := found[i][0].Box.IoU(b); iou < 0.6 {
			t.Errorf("picture %d: %+v, want %+v", i, found[i][0].Box, b)
		}
	}
	if len(found[len(found)-1]) != 0 {
		t.Errorf("an empty picture: %+v", found[len(found)-1])
	}
	if found, err := p.Detect(context.Background(), nil); err != nil || len(found) != 0 {
		t.Errorf("no pictures: %v, %v", found, err)
	}
	if one, many := p.Pixels(1), p.Pixels(19); one != 20*20 || many != 8*20*20 {
		t.Errorf("%d pixels of one picture, %d of 19", one, many)
	}
	var wrong *fault.FieldError
	for name, m := range map[string]*boxes.Image{"nil": nil, "no pixels": {}, "short": {Width: 2, Height: 2, Pixels: make([]uint8, 11)}} {
		if _, err := p.Detect(context.Background(), []*boxes.Image{m}); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Detect(context.Background(), make([]*boxes.Image, 2000)); !errors.As(err, &wrong) {
		t.Errorf("2000 pictures: %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := p.Detect(stopped, pictures[:1]); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	for _, o := range []DetectorOptions{{}, {Classes: []string{"cat"}}, {Classes: []string{"cat", "cat"}}, {Classes: []string{"cat", ""}}, {Classes: []string{"a", "b"}, IDs: []int64{1}}} {
		if _, err := newDetector(d, o, squashing{dark{20}, 20}, 20, 2); !errors.As(err, &wrong) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	var none *Detector
	if _, err := none.Detect(context.Background(), nil); !errors.As(err, &wrong) || none.Size() != 0 || none.Pixels(1) != 0 || none.Run() != "" || none.Classes() != nil || none.IDs() != nil {
		t.Errorf("nil: %v", err)
	}
	if _, err := (&Detector{}).Detect(context.Background(), pictures[:1]); !errors.As(err, &wrong) {
		t.Errorf("zero: %v", err)
	}
}

// TestOpenDetector detects with an untrained model in memory and again from a run folder.
func TestOpenDetector(t *testing.T) {
	d := openDevice(t)
	m, err := ssd.New(d, ssd.VOC(ssd.Small, 64, 2), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	m.SetTraining(false)
	o := DetectorOptions{Classes: []string{"cat", "dog"}, IDs: []int64{17, 18}}
	p, err := NewDetector(d, o, m)
	if err != nil {
		t.Fatal(err)
	}
	pictures := []*boxes.Image{shaded(100, 60, boxes.FromSize(20, 10, 30, 30)), shaded(60, 100, boxes.Box{})}
	want, err := p.Detect(t.Context(), pictures)
	if err != nil || len(want[0]) == 0 || p.Size() != 64 {
		t.Fatal(want, err)
	}
	for i, own := range want {
		for k, f := range own {
			if b := f.Box.Clip(float64(pictures[i].Width), float64(pictures[i].Height)); b != f.Box || b.Empty() || k > 0 && f.Score > own[k-1].Score {
				t.Fatalf("picture %d: %+v", i, f)
			}
		}
	}
	dir := filepath.Join(t.TempDir(), "run")
	r, err := run.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	name := models.SSD.Name
	if err := errors.Join(r.SetConfig(name, m.Config()), r.SetOptions(name, o), r.SaveWeights(name, weights.Of(m), nil)); err != nil {
		t.Fatal(err)
	}
	again, err := OpenDetector(t.Context(), dir, d)
	if err != nil || again.Run() != dir || !slices.Equal(again.IDs(), o.IDs) {
		t.Fatal(err)
	}
	got, err := again.Detect(t.Context(), pictures)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want { // a frozen model rounds differently
		for k, w := range want[i][:10] {
			if g := got[i][k]; math.Abs(g.Score-w.Score) > 1e-5 || g.Class == w.Class && g.Box.IoU(w.Box) < 0.999 {
				t.Errorf("picture %d: the opened model detects %+v, want %+v", i, g, w)
			}
		}
	}
	if err := r.SetOptions(models.SSD.Name, DetectorOptions{Classes: []string{"cat"}}); err != nil {
		t.Fatal(err)
	}
	var file *fault.DamagedFile
	if _, err := OpenDetector(t.Context(), dir, d); !errors.As(err, &file) {
		t.Errorf("one name for two classes: %v", err)
	}
	var missing *fault.Missing
	if _, err := run.Create(filepath.Join(dir, "empty")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDetector(t.Context(), filepath.Join(dir, "empty"), d); !errors.As(err, &missing) {
		t.Errorf("no detector: %v", err)
	}
	var wrong *fault.FieldError
	if _, err := NewDetector(d, o, nil); !errors.As(err, &wrong) {
		t.Errorf("nil: %v", err)
	}
	if _, err := NewDetector(nil, o, m); err == nil {
		t.Error("no device")
	}
}
