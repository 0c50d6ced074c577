package eval

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

// Detector finds objects in pictures; [sample.Detector] does.
type Detector interface {
	// Detect returns the objects in each picture, by falling score, with boxes in pixels.
	Detect(ctx context.Context, pictures []*boxes.Image) ([][]detect.Detection, error)
	Classes() []string // names of the classes
	Run() string       // path of the run folder; "" for a model in memory
}

// DetectorFigures are the figures of a detector on a dataset.
type DetectorFigures struct {
	*detection.Report
	LeftOut []Unread `json:"left_out,omitempty"` // pictures that can't be decoded; they are not measured
}

// Unread is a picture that can't be decoded.
type Unread struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Detected are the pictures of a dataset with what a detector finds in them.
type Detected struct {
	Set      *boxes.Set          // without the pictures that can't be decoded
	Pictures []detection.Picture // of Set.Pictures, in their order
	LeftOut  []Unread
}

// readAhead is the number of pictures that are decoded together.
const readAhead = 16

// DetectSet runs a detector over a dataset. The classes of the set must be those of the detector, in its order: open it with
// boxes.Options.Classes. progress may be nil.
func DetectSet(ctx context.Context, d Detector, s *boxes.Set, progress func(done, total int)) (_ *Detected, err error) {
	defer fault.Catch(&err)
	if d == nil || s == nil {
		return nil, fault.Field("Detector", nil, "must not be nil, and neither the pictures")
	}
	if !slices.Equal(d.Classes(), s.Classes) {
		return nil, fault.Field("Classes", s.Classes, "must be those of the detector, %s", listOf(d.Classes()))
	}
	if s.Boxes() == 0 {
		return nil, fault.Field("Pictures", nil, "have no box of the classes %s; give pictures with the classes of the detector", listOf(d.Classes()))
	}
	kept := *s
	kept.Pictures = nil
	result := &Detected{Set: &kept}
	done := 0
	for batch := range slices.Chunk(s.Pictures, readAhead) {
		images, failures := readAll(batch)
		var usable []*boxes.Image
		for i, p := range batch {
			switch {
			case failures[i] == nil:
				usable = append(usable, images[i])
				kept.Pictures = append(kept.Pictures, p)
			case damaged(failures[i]):
				result.LeftOut = append(result.LeftOut, Unread{p.Name, printable.Text(failures[i].Error())})
			default:
				return nil, failures[i]
			}
		}
		found, err := d.Detect(ctx, usable)
		if err != nil {
			return nil, err
		}
		for i, p := range kept.Pictures[len(kept.Pictures)-len(usable):] {
			result.Pictures = append(result.Pictures, detection.Picture{Width: p.Width, Height: p.Height, Objects: p.Objects, Detections: found[i]})
		}
		if done += len(batch); progress != nil {
			progress(done, len(s.Pictures))
		}
	}
	if len(kept.Pictures) == 0 {
		return nil, fault.Damaged(s.Path, "none of its %d pictures can be decoded, for instance since %s", len(s.Pictures), result.LeftOut[0].Reason)
	}
	return result, nil
}

// damaged reports whether an error is about the content of a file.
func damaged(err error) bool {
	var file *fault.DamagedFile
	return errors.As(err, &file)
}

// readAll decodes pictures in parallel.
func readAll(pictures []boxes.Picture) (images []*boxes.Image, failures []error) {
	images, failures = make([]*boxes.Image, len(pictures)), make([]error, len(pictures))
	var wait sync.WaitGroup
	for i, p := range pictures {
		wait.Go(func() { images[i], failures[i] = p.Read() })
	}
	wait.Wait()
	return images, failures
}

// Figures measures the detections: their boxes, and their masks if all objects and detections have some.
func (d *Detected) Figures() (*DetectorFigures, error) {
	r, err := detection.NewReport(d.Pictures, d.Set.Classes)
	if err != nil {
		return nil, err
	}
	if d.masked() {
		if err := r.MeasureMasks(d.Pictures, d.Set.Classes); err != nil {
			return nil, err
		}
	}
	return &DetectorFigures{Report: r, LeftOut: d.LeftOut}, nil
}

// masked reports whether all objects and detections have masks.
func (d *Detected) masked() bool {
	for _, p := range d.Pictures {
		if slices.ContainsFunc(p.Objects, func(o boxes.Object) bool { return o.Mask == nil }) ||
			slices.ContainsFunc(p.Detections, func(d detect.Detection) bool { return d.Mask == nil }) {
			return false
		}
	}
	return true
}
