package data

import (
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
)

// Subject is what a detector finds in a picture. The zero value means that there is nothing.
type Subject struct {
	Box  Box       // in pixels of the upright picture
	Mask *SoftMask // nil from a detector of boxes
}

// Subjects finds the subject in each of some upright pictures: one for each picture.
type Subjects func(ctx context.Context, pictures []image.Image) ([]Subject, error)

// find calls f and checks its answers. For a cutout, subjects must have masks.
func (f Subjects) find(ctx context.Context, pictures []image.Image, c Cutout) ([]Subject, error) {
	if len(pictures) == 0 {
		return nil, nil
	}
	all, err := f(ctx, pictures)
	if err == nil && len(all) != len(pictures) {
		err = fmt.Errorf("data: the detector answered for %d of %d pictures", len(all), len(pictures))
	}
	if err == nil && c != "" && slices.ContainsFunc(all, func(s Subject) bool { return s.Mask == nil && s != Subject{} }) {
		err = fault.Field("Cutout", c, "must name the run of a segmenter, and this one finds boxes without masks")
	}
	return all, err
}

// move returns the subject with its coordinates multiplied by scale, and then moved.
func (s Subject) move(scale float64, by image.Point) Subject {
	if s == (Subject{}) {
		return s
	}
	s.Box = s.Box.move(scale, by)
	if s.Mask != nil {
		s.Mask = &SoftMask{s.Mask.Box.move(scale, by), s.Mask.Side, s.Mask.Values}
	}
	return s
}

// WithBoxes returns a source whose items have boxes, one for each item. Items with the zero Box are left out, and named in a note unless
// it is empty.
func (s Source) WithBoxes(boxes []Box, note string) (Source, error) {
	if len(boxes) != len(s.Items) {
		return s, fault.Field("Boxes", len(boxes), "must be one for each of %d pictures", len(s.Items))
	}
	found := make([]Subject, len(boxes))
	for i, b := range boxes {
		found[i].Box = b
	}
	return s.with(found, note)
}

// with is WithBoxes for boxes and masks: items with the zero Subject are left out.
func (s Source) with(found []Subject, note string) (Source, error) {
	kept := s
	kept.Items = nil
	kept.Notes = append([]string(nil), s.Notes...)
	place := make([]int, len(s.Items)) // of an item among those that are kept; −1: left out
	var without []string
	var from []int // the item of each that is kept
	for i, item := range s.Items {
		if found[i] == (Subject{}) {
			place[i], without = -1, append(without, item.Name)
			continue
		}
		place[i] = len(kept.Items)
		item.Box, item.Mask = found[i].Box, found[i].Mask
		kept.Items, from = append(kept.Items, item), append(from, i)
	}
	if len(kept.Items) == 0 && len(s.Items) > 0 {
		return s, noSubject(s, len(s.Items))
	}
	if note != "" {
		kept.AddNote(note, without)
	}
	if s.Texts != nil {
		kept.Texts = func(i int) (string, []byte, error) {
			if i < 0 || i >= len(from) {
				return "", nil, nil
			}
			return s.Texts(from[i])
		}
	}
	if s.Read != nil {
		kept.Read = func(yield func(i int, e Encoded) bool) error {
			return s.Read(func(i int, e Encoded) bool {
				if i < 0 || i >= len(place) || place[i] < 0 {
					return true
				}
				return yield(place[i], e)
			})
		}
	}
	return kept, nil
}

// noSubject is the error for n pictures of which none has a subject.
func noSubject(s Source, n int) error {
	return fmt.Errorf("%s: %s: none of %d pictures has a subject; resize them by squash or crop", s.Layout, s.Path, n)
}
