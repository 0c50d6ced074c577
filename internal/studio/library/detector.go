package library

import (
	"context"
	"math"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/ssd"
)

// Detector describes the detector of a run, and the pictures with boxes that it was trained on.
type Detector struct {
	Size     int      `json:"size"` // side in pixels to which pictures are resized; of a Mask R-CNN the shorter one
	Classes  []string `json:"classes"`
	MAP50    *float64 `json:"map50,omitempty"` // mean average precision at IoU 0.5, from 0 to 1, of held-out pictures, when the training last measured it
	Data     string   `json:"data,omitempty"`  // name of the pictures; "" if they are not known, as of an imported detector
	Pictures int      `json:"pictures"`
	Boxes    int      `json:"boxes"`
	HeldOut  int      `json:"held_out"`
}

// heldOutMAP is the figure of a log that MAP50 is taken from.
const heldOutMAP = "held_out.map50"

// detectorSize returns the size of the pictures of a detector, given its configuration; ok is false for that of another model.
func detectorSize(config any) (size int, ok bool) {
	switch c := config.(type) {
	case ssd.Config:
		return c.ImageSize, true
	case maskrcnn.Config:
		return c.MinSide, true
	}
	return 0, false
}

// detectorOf describes the detector of a run, of a kind with pictures of a size.
func detectorOf(r *run.Run, kind string, size int) (*Detector, error) {
	var o sample.DetectorOptions
	if err := r.Options(kind, &o); err != nil {
		return nil, err
	}
	d := &Detector{Size: size, Classes: o.Classes}
	if o.Classes == nil {
		d.Classes = []string{}
	}
	if o.Data != nil {
		d.Data, d.Pictures, d.Boxes, d.HeldOut = filepath.Base(o.Data.Path), o.Data.Pictures, o.Data.Boxes, o.Data.HeldOut
	}
	lines, err := r.Metrics(kind)
	if err != nil {
		return d, nil // an imported detector has no log
	}
	for _, l := range lines {
		if v, ok := l.Values[heldOutMAP]; ok && !math.IsNaN(v) {
			d.MAP50 = &v
		}
	}
	return d, nil
}

// OpenDetector opens the detector of a run folder that a run's description of its data names.
func (l *Library) OpenDetector(ctx context.Context, dir string) (*sample.Detector, error) {
	return sample.OpenDetector(ctx, dir, l.device)
}
