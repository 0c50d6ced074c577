package sample

import (
	"errors"
	"image"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestSubjects takes the best detection of a picture, if there is one.
func TestSubjects(t *testing.T) {
	p, err := newDetector(openDevice(t), DetectorOptions{Classes: []string{"cat", "dog"}}, squashing{dark{20}, 20}, 20, 2)
	if err != nil {
		t.Fatal(err)
	}
	found, err := p.Subjects()(t.Context(), []image.Image{shaded(100, 80, boxes.FromSize(10, 20, 50, 40)).NRGBA(), shaded(40, 40, boxes.Box{}).NRGBA()})
	if err != nil || len(found) != 2 || found[1] != (data.Subject{}) {
		t.Fatal(found, err)
	}
	if b := boxes.FromSize(found[0].Box.X, found[0].Box.Y, found[0].Box.Width, found[0].Box.Height); b.IoU(boxes.FromSize(10, 20, 50, 40)) < 0.6 {
		t.Errorf("%+v", found[0])
	}
	var none *Detector
	var wrong *fault.FieldError
	if _, err := none.Subjects()(t.Context(), nil); !errors.As(err, &wrong) {
		t.Errorf("nil: %v", err)
	}
}

// masked is a Mask R-CNN that is sure of the left half of what dark finds.
type masked struct{ squashing }

func (m masked) show(d *tensor.Device, pictures []*boxes.Image) (func() ([][]maskrcnn.Found, error), error) {
	compute, err := m.squashing.show(d, pictures)
	return func() ([][]maskrcnn.Found, error) {
		all, failed := compute()
		for i := range all {
			for k := range all[i] {
				all[i][k].Probabilities = []float32{1, 0.2, 0.8, 0}
			}
		}
		return all, failed
	}, err
}

// TestSoftMasks finds masks: hard ones of all detections, and the probabilities of subjects.
func TestSoftMasks(t *testing.T) {
	p, err := newDetector(openDevice(t), DetectorOptions{Classes: []string{"cat", "dog"}}, masked{squashing{dark{20}, 20}}, 20, 2)
	if err != nil {
		t.Fatal(err)
	}
	p.masks = true
	pictures := []*boxes.Image{shaded(100, 80, boxes.FromSize(10, 20, 50, 40)), shaded(40, 40, boxes.Box{})}
	all, err := p.Detect(t.Context(), pictures)
	if err != nil || len(all[0]) != 1 || len(all[1]) != 0 {
		t.Fatal(all, err)
	}
	found, err := p.Subjects()(t.Context(), []image.Image{pictures[0].NRGBA(), pictures[1].NRGBA()})
	if err != nil || found[1] != (data.Subject{}) || found[0].Mask == nil {
		t.Fatal(found, err)
	}
	m := found[0].Mask
	if m.Box != found[0].Box || m.Side != 2 || !slices.Equal(m.Values, []uint8{255, 51, 204, 0}) {
		t.Errorf("%+v", m)
	}
	hard, alpha := all[0][0].Mask.Pixels(), m.Alpha(100, 80)
	if w, h := all[0][0].Mask.Size(); w != 100 || h != 80 || hard[40*100+20] != 1 || hard[40*100+55] != 0 || hard[0] != 0 {
		t.Errorf("a mask of %d×%d", w, h)
	}
	if alpha.AlphaAt(20, 40).A != 255 || alpha.AlphaAt(55, 40).A != 0 || alpha.AlphaAt(0, 0).A != 0 {
		t.Error("the soft mask covers other pixels")
	}
}
