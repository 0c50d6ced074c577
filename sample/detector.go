package sample

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/onnxruntime"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Detector is the pipeline of an object detector, an SSD or a Mask R-CNN: it finds the objects in pictures of any size. It is safe for
// concurrent use.
type Detector struct {
	device *tensor.Device
	model  finder
	size   int  // side of the model's pictures in pixels
	masks  bool // detections have masks
	o      DetectorOptions
	run    string // path of the run folder; "" for a model in memory

	session *onnxruntime.Session // that computes the model; nil: the device does
}

// DetectorOptions are what a run folder records about a detector beyond its Config.
type DetectorOptions struct {
	Classes []string `json:"classes"`       // names, in the order of the model's classes
	IDs     []int64  `json:"ids,omitempty"` // COCO's ids of the classes; nil: 1, 2 and so on

	Data *boxes.Description `json:"data,omitempty"` // what the model was trained on; nil for an imported one
}

// validate returns a [*fault.FieldError] unless there are names for a number of classes.
func (o DetectorOptions) validate(classes int) error {
	if len(o.Classes) != classes {
		return fault.Field("Classes", len(o.Classes), "must be the names of the %d classes of the model", classes)
	}
	for i, name := range o.Classes {
		if name == "" {
			return fault.Field("Classes", name, "must have a name for each class, and class %d has none", i)
		}
		if err := data.CheckClass(name); err != nil {
			return fault.Field("Classes", name, "must be names of classes: %v", err)
		}
		if slices.Contains(o.Classes[:i], name) {
			return fault.Field("Classes", name, "must be listed once")
		}
	}
	if o.IDs != nil && len(o.IDs) != classes {
		return fault.Field("IDs", len(o.IDs), "must be as many as Classes, %d", classes)
	}
	return nil
}

// NewDetector makes a pipeline of an SSD on device d. The model must be in evaluation mode when [Detector.Detect] is called.
func NewDetector(d *tensor.Device, o DetectorOptions, m *ssd.Model) (*Detector, error) {
	if m == nil {
		return nil, fault.Field("Model", nil, "must not be nil; give a detector")
	}
	return newDetector(d, o, squashing{m, m.Config().ImageSize}, m.Config().ImageSize, m.Config().Classes)
}

// NewMaskDetector is [NewDetector] for a Mask R-CNN: detections have masks.
func NewMaskDetector(d *tensor.Device, o DetectorOptions, m *maskrcnn.Model) (*Detector, error) {
	if m == nil {
		return nil, fault.Field("Model", nil, "must not be nil; give a detector")
	}
	p, err := newDetector(d, o, resizing{m}, m.Config().MinSide, m.Config().Classes)
	if err == nil {
		p.masks = true
	}
	return p, err
}

// OpenDetector loads the detector of a run folder to device d. A run without one is a [*fault.Missing].
func OpenDetector(ctx context.Context, dir string, d *tensor.Device) (*Detector, error) {
	return open(ctx, dir, d, func(_ context.Context, r *run.Run, d *tensor.Device) (*Detector, error) {
		kind := r.First(models.Detectors())
		if kind == "" {
			_, err := models.SSD.Open(dir, d) // which says what is missing
			return nil, err
		}
		var o DetectorOptions
		if err := r.Options(kind, &o); err != nil {
			return nil, err
		}
		p, err := openDetector(d, dir, kind, o)
		var wrong *fault.FieldError
		if errors.As(err, &wrong) {
			return nil, damaged(r, "options.%s: %s %s", kind, wrong.Field, wrong.Want)
		}
		if err == nil {
			p.run = dir
		}
		return p, err
	})
}

// openDetector opens the model of a kind, and makes a pipeline of it.
func openDetector(d *tensor.Device, dir, kind string, o DetectorOptions) (*Detector, error) {
	if kind == models.MaskRCNN.Name {
		m, err := models.MaskRCNN.Open(dir, d)
		if err != nil {
			return nil, err
		}
		return NewMaskDetector(d, o, m)
	}
	m, err := models.SSD.Open(dir, d)
	if err != nil {
		return nil, err
	}
	return NewDetector(d, o, m)
}

// newDetector makes a pipeline of a model for pictures of a size.
func newDetector(d *tensor.Device, o DetectorOptions, m finder, size, classes int) (*Detector, error) {
	if err := require.Device(d); err != nil {
		return nil, err
	}
	if err := o.validate(classes); err != nil {
		return nil, err
	}
	o.Classes, o.IDs = slices.Clone(o.Classes), slices.Clone(o.IDs)
	return &Detector{device: d, model: m, size: size, o: o}, nil
}

// Classes returns the names of the classes.
func (p *Detector) Classes() []string {
	if p == nil {
		return nil
	}
	return slices.Clone(p.o.Classes)
}

// IDs returns COCO's ids of the classes; nil if the dataset has none.
func (p *Detector) IDs() []int64 {
	if p == nil {
		return nil
	}
	return slices.Clone(p.o.IDs)
}

// Dataset describes the pictures that the model was trained on; ok is false if that is not known, as of an imported one.
func (p *Detector) Dataset() (d boxes.Description, ok bool) {
	if p == nil || p.o.Data == nil {
		return d, false
	}
	return *p.o.Data, true
}

// Masks reports whether detections have masks.
func (p *Detector) Masks() bool { return p != nil && p.masks }

// Size is the side in pixels to which the model resizes pictures: both sides for an SSD, the shorter one for a Mask R-CNN.
func (p *Detector) Size() int {
	if p == nil {
		return 0
	}
	return p.size
}

// Pixels is the most pixels that the model computes at a time of n pictures.
func (p *Detector) Pixels(n int) int {
	if p == nil || p.model == nil {
		return 0
	}
	return min(n, p.model.together()) * p.model.most()
}

// Run returns the path of the run folder; "" for a model in memory.
func (p *Detector) Run() string {
	if p == nil {
		return ""
	}
	return p.run
}

const (
	maxDetected    = 1024  // pictures of a call
	maxDetectSides = 65536 // pixels
)

// Detect returns the objects in each picture, by falling score, with boxes in pixels of the picture, and with masks if [Detector.Masks].
// An SSD squashes pictures to its size; a Mask R-CNN keeps their aspect ratio, and gets them one by one, without padding beyond what its
// strides need. Detections have the least score of the model's Config, which is low: keep those of the score that you need.
// A call takes at most 1024 pictures.
func (p *Detector) Detect(ctx context.Context, pictures []*boxes.Image) ([][]detect.Detection, error) {
	return each(ctx, p, pictures, func(m *boxes.Image, found []maskrcnn.Found) (all []detect.Detection, err error) {
		for _, o := range found {
			if p.masks {
				m, err := o.Paste(maskrcnn.Size{Height: m.Height, Width: m.Width}, 0.5)
				if err != nil {
					return nil, err
				}
				o.Mask = &m
			}
			all = append(all, o.Detection)
		}
		return all, nil
	})
}

// each finds the objects in pictures, and returns what use makes of those of each.
func each[T any](ctx context.Context, p *Detector, pictures []*boxes.Image, use func(m *boxes.Image, found []maskrcnn.Found) (T, error)) (_ []T, err error) {
	defer fault.Catch(&err)
	if p == nil || p.model == nil {
		return nil, errNoPipeline
	}
	if len(pictures) > maxDetected {
		return nil, fault.Field("Pictures", len(pictures), "must be at most %d in one call; divide them into several calls", maxDetected)
	}
	for i, m := range pictures {
		if m == nil || m.Width < 1 || m.Height < 1 || m.Width > maxDetectSides || m.Height > maxDetectSides || len(m.Pixels) != 3*m.Width*m.Height {
			return nil, fault.Field("Pictures", nil, "must have 3 bytes for each of their pixels, and picture %d doesn't", i)
		}
	}
	return ranks.Divide(p.device, len(pictures), p.model.together(), func(lo, hi int) ([]T, error) {
		found, err := p.find(ctx, pictures[lo:hi])
		if err != nil {
			return nil, err
		}
		all := make([]T, len(found))
		for i, own := range found {
			if all[i], err = use(pictures[lo+i], own); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

// find finds the objects in a batch.
func (p *Detector) find(ctx context.Context, pictures []*boxes.Image) ([][]maskrcnn.Found, error) {
	compute, err := p.model.show(p.device, pictures)
	if err != nil {
		return nil, err
	}
	found, err := exclusive(ctx, p.device, func() ([][]maskrcnn.Found, error) {
		step := p.device.Scratch()
		defer step.End()
		return compute()
	})
	if err != nil {
		return nil, err
	}
	if len(found) != len(pictures) {
		return nil, fmt.Errorf("sample: the detector answered for %d of %d pictures", len(found), len(pictures))
	}
	for i, m := range pictures {
		for k := range found[i] {
			found[i][k].Box = found[i][k].Box.Clip(float64(m.Width), float64(m.Height))
		}
	}
	return found, nil
}
