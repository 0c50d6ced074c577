package data

import (
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/data/internal/picture"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/disintegration/imaging"
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

// subjectBatch is the number of pictures whose subjects are found together.
const subjectBatch = 8

// FindSubjects returns a source whose items have what [Load] needs for the Resize DetectedBy, the boxes that o.Subjects finds, and for
// a Cutout, the masks that o.Segmenter finds. The segmenter sees the part of a picture that becomes square. Where both name the same run,
// it sees each picture once, as a whole: the box and the mask are those of one object. Pictures without a subject are left out and named in
// the notes. A picture that can't be decoded stays, for Load to report. FindSubjects reads every picture, and doesn't use the cache.
func FindSubjects(s Source, o Options) (Source, error) {
	once := o.Cutout != "" && o.Resize.Run() == o.Cutout.Run()
	switch {
	case o.Cutout != "" && o.Segmenter == nil:
		return s, fault.Field("Cutout", o.Cutout, "needs Segmenter, which finds the masks; give one, or leave it empty")
	case o.findsBoxes() && !once && o.Subjects == nil:
		return s, fault.Field("Resize", o.Resize, "needs Subjects, the detector that finds them; give one, or use squash or crop")
	}
	ctx := o.Context
	if ctx == nil {
		ctx = context.Background()
	}
	found := make([]Subject, len(s.Items))
	var (
		batch    []sighted
		failure  error
		done     int
		unread   int // items that can't be decoded
		subjects int
	)
	flush := func() bool {
		if failure = o.findSubjects(ctx, batch, once); failure != nil {
			return false
		}
		for _, p := range batch {
			if found[p.item] = p.subject; p.subject != (Subject{}) {
				subjects++
			}
		}
		batch = batch[:0]
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
		p := sighted{item: i, subject: Subject{Box: s.Items[i].Box}}
		encoded, err := read()
		if err == nil {
			p.picture, p.config, err = o.Limits.decodeUnresized(encoded, true, o.Limits.check)
		}
		if err != nil {
			unread++
			whole := Box{Width: 1, Height: 1} // Load decodes it again, and says what is wrong
			found[i] = Subject{whole, &SoftMask{Box: whole, Side: 1, Values: []uint8{255}}}
			return true
		}
		batch = append(batch, p)
		return len(batch) < subjectBatch || flush()
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
		if o.Cutout != "" {
			return s, fmt.Errorf("%s: %s: none of %d pictures has a subject that the segmenter finds; train one on such pictures, or keep the backgrounds", s.Layout, s.Path, n)
		}
		return s, noSubject(s, n)
	}
	return s.with(found, "pictures without a subject, left out")
}

// findsBoxes reports whether FindSubjects finds boxes.
func (o Options) findsBoxes() bool { return o.Cutout == "" || o.Resize.Run() != "" }

// sighted is a decoded picture with its subject, so far.
type sighted struct {
	item    int
	picture image.Image
	config  picture.Config
	subject Subject
}

// findSubjects finds the subjects of a batch, with once those that Segmenter finds in whole pictures.
func (o Options) findSubjects(ctx context.Context, batch []sighted, once bool) error {
	if o.findsBoxes() {
		find, c := o.Subjects, Cutout("")
		if once {
			find, c = o.Segmenter, o.Cutout
		}
		pictures := make([]image.Image, len(batch))
		for i, p := range batch {
			pictures[i] = p.picture
		}
		all, err := find.find(ctx, pictures, c)
		if err != nil {
			return err
		}
		for i, s := range all {
			batch[i].subject = s.move(float64(batch[i].config.Scale), image.Point{})
		}
	}
	if o.Cutout == "" {
		return nil
	}
	if !once {
		if err := o.segment(ctx, batch); err != nil {
			return err
		}
	}
	for i, p := range batch {
		if p.subject.Mask == nil || p.subject.Mask.empty() {
			batch[i].subject = Subject{}
		}
	}
	return nil
}

// segment finds the masks of subjects in the parts of pictures that become square.
func (o Options) segment(ctx context.Context, batch []sighted) error {
	var of []int // batch
	var parts []image.Image
	var corners []image.Point
	_, boxed, _ := o.Resize.boxed()
	for i, p := range batch {
		if batch[i].subject.Mask = nil; boxed && p.subject.Box == (Box{}) {
			continue
		}
		part := o.Resize.part(p.picture.Bounds().Size(), p.config, p.subject.Box)
		of, corners = append(of, i), append(corners, part.Min)
		parts = append(parts, imaging.Crop(p.picture, part.Add(p.picture.Bounds().Min)))
	}
	all, err := o.Segmenter.find(ctx, parts, o.Cutout)
	if err != nil {
		return err
	}
	for k, s := range all {
		p := &batch[of[k]]
		p.subject.Mask = s.move(1, corners[k]).move(float64(p.config.Scale), image.Point{}).Mask
	}
	return nil
}

// move returns the subject in a picture whose pixels are scale times those of its own, moved by some of these.
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
