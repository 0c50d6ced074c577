package sample

import (
	"context"
	"errors"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/onnxruntime"
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
		return detectorOf(r, dir, func(kind string, o DetectorOptions) (*Detector, error) { return openDetector(d, dir, kind, o) })
	})
}

// detectorOf makes the detector of a run by build, of the run's kind and with the options that the run records. The kind is "" if the run
// has none, which build says.
func detectorOf(r *run.Run, dir string, build func(kind string, o DetectorOptions) (*Detector, error)) (*Detector, error) {
	kind := r.First(models.Detectors())
	var o DetectorOptions
	if kind != "" {
		if err := r.Options(kind, &o); err != nil {
			return nil, err
		}
	}
	p, err := build(kind, o)
	var wrong *fault.FieldError
	if kind != "" && errors.As(err, &wrong) {
		return nil, damaged(r, "options.%s: %s %s", kind, wrong.Field, wrong.Want)
	}
	if err == nil {
		p.run = dir
	}
	return p, err
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

// Pixels is the largest number of pixels that the model computes together, in a call with n pictures.
func (p *Detector) Pixels(n int) int {
	if p == nil || p.model == nil {
		return 0
	}
	return min(n, p.model.together()) * p.model.pixels()
}

// Run returns the path of the run folder; "" for a model in memory.
func (p *Detector) Run() string {
	if p == nil {
		return ""
	}
	return p.run
}
