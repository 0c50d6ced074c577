package sample

import (
	"context"
	"errors"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
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
	p, err := newDetector(d, DetectorOptions{Classes: []string{"cat", "dog"}}, dark{20}, 20, 2)
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
		if _, err := newDetector(d, o, dark{20}, 20, 2); !errors.As(err, &wrong) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	var none *Detector
	if _, err := none.Detect(context.Background(), nil); !errors.As(err, &wrong) || none.Size() != 0 || none.Run() != "" || none.Classes() != nil || none.IDs() != nil {
		t.Errorf("nil: %v", err)
	}
	if _, err := (&Detector{}).Detect(context.Background(), pictures[:1]); !errors.As(err, &wrong) {
		t.Errorf("zero: %v", err)
	}
}
