package data

import (
	"context"
	"fmt"
	"image"

	"github.com/bestiary-ml/bestiary/data/internal/picture"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/disintegration/imaging"
)

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
		batch    []shown
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
		p := shown{item: i, subject: Subject{Box: s.Items[i].Box}}
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

// shown is a decoded picture that detectors get, with what they have found so far.
type shown struct {
	item    int
	picture image.Image
	config  picture.Config
	subject Subject
}

// findSubjects finds the subjects of a batch, with once those that Segmenter finds in whole pictures.
func (o Options) findSubjects(ctx context.Context, batch []shown, once bool) error {
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
func (o Options) segment(ctx context.Context, batch []shown) error {
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
