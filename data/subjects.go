package data

import (
	"context"
	"fmt"
	"image"

	"github.com/bestiary-ml/bestiary/fault"
)

// Subjects finds the subject in each of some upright pictures: its box in pixels, or the zero Box where there is none.
type Subjects func(ctx context.Context, pictures []image.Image) ([]Box, error)

// subjectBatch is the number of pictures whose subjects are found together.
const subjectBatch = 8

// FindSubjects returns a source with the boxes that o.Subjects finds, for [Load] with the Resize DetectedBy. Pictures without a
// subject are left out and named in the notes. A picture that can't be decoded stays, for Load to report. It reads every
// picture, and doesn't use the cache.
func FindSubjects(s Source, o Options) (Source, error) {
	if o.Subjects == nil {
		return s, fault.Field("Resize", o.Resize, "needs Subjects, the detector that finds them; give one, or use squash or crop")
	}
	ctx := o.Context
	if ctx == nil {
		ctx = context.Background()
	}
	found := make([]Box, len(s.Items))
	var (
		items    []int
		pictures []image.Image
		scales   []float64
		failure  error
		done     int
		unread   int // items that can't be decoded
		subjects int
	)
	flush := func() bool {
		if len(items) == 0 {
			return true
		}
		all, err := o.Subjects(ctx, pictures)
		if err == nil && len(all) != len(pictures) {
			err = fmt.Errorf("data: the detector answered for %d of %d pictures", len(all), len(pictures))
		}
		if err != nil {
			failure = err
			return false
		}
		for k, b := range all {
			by := scales[k]
			if found[items[k]] = (Box{b.X * by, b.Y * by, b.Width * by, b.Height * by}); b != (Box{}) {
				subjects++
			}
		}
		items, pictures, scales = items[:0], pictures[:0], scales[:0]
		return true
	}
	err := s.Read(func(i int, read Encoded) bool {
		if ctx.Err() != nil {
			failure = ctx.Err()
			return false
		}
		if i < 0 || i >= len(s.Items) || read == nil {
			return true
		}
		if done++; o.Progress != nil {
			o.Progress(done, len(s.Items))
		}
		encoded, err := read()
		var decoded image.Image
		var scale int
		if err == nil {
			decoded, scale, err = o.Limits.decodeUnresized(encoded, true, o.Limits.check)
		}
		if err != nil {
			unread++
			found[i] = Box{Width: 1, Height: 1} // Load decodes it again, and says what is wrong
			return true
		}
		items, pictures, scales = append(items, i), append(pictures, decoded), append(scales, float64(scale))
		return len(items) < subjectBatch || flush()
	})
	if failure == nil && err == nil {
		flush()
	}
	if failure != nil {
		return s, failure
	}
	if err != nil {
		return s, err
	}
	if n := len(s.Items) - unread; n > 0 && subjects == 0 {
		return s, noSubject(s, n)
	}
	return s.WithBoxes(found, "pictures without a subject, left out")
}

// WithBoxes returns a source whose items have boxes, one for each item. Items with the zero Box are left out, and named in a note unless
// it is empty.
func (s Source) WithBoxes(boxes []Box, note string) (Source, error) {
	if len(boxes) != len(s.Items) {
		return s, fault.Field("Boxes", len(boxes), "must be one for each of %d pictures", len(s.Items))
	}
	kept := s
	kept.Items = nil
	kept.Notes = append([]string(nil), s.Notes...)
	place := make([]int, len(s.Items)) // of an item among those that are kept; −1: left out
	var without []string
	var from []int // the item of each that is kept
	for i, item := range s.Items {
		if boxes[i] == (Box{}) {
			place[i], without = -1, append(without, item.Name)
			continue
		}
		place[i] = len(kept.Items)
		item.Box = boxes[i]
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
