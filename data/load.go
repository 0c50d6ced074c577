package data

import (
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

const maxMemory = 32 << 30 // bytes of decoded pictures; more is a size or a folder given by mistake

// ErrNoPictures is wrapped by the error of [Load] if no picture belongs to Options.Split.
var ErrNoPictures = errors.New("no pictures in split")

// ErrNoCaptions is wrapped by the error of [Load] if Options.Captions is set and no picture has a caption.
var ErrNoCaptions = errors.New("has no captions")

// Source is a list of pictures, for [Load].
type Source struct {
	Layout  string   // "pets", "folder", …: messages start with it
	Path    string   // the folder or file
	Classes []string // names of the classes
	Items   []Item   // the pictures
	Notes   []string // remarks for the report
	Read    Reader   // reads the encoded pictures
	Texts   Texts    // reads the captions; nil if there are none
	Orphans []string // captions without a picture, for the report
}

// Item is a picture of a [Source].
type Item struct {
	Name  string // unique in the source, relative to its path, with forward slashes
	Label int    // index into the classes
	Stamp string // changes when the file of the picture does, see [Stamp]; "" if the cache is to compare the content
	Box   Box    // of its subject, if Options.Resize is Boxes

	Mask *SoftMask // of its subject, for Options.Cutout
}

// Encoded returns an encoded picture.
type Encoded func() ([]byte, error)

// Reader yields every item of a source once, in any order: its index and a function that returns its bytes. The function is
// called by another goroutine, so it runs in parallel; if it returns an error, that picture is left out. An error of the
// Reader ends the load.
type Reader func(yield func(i int, e Encoded) bool) error

// Load decodes the pictures of a source, or reads them from the cache. Pictures that cannot be decoded are left out and
// named in the report; it is an error if none is left. Other errors: a [*fault.FieldError] for an option that is not
// allowed, [ErrNoCaptions], and a [*fault.OutOfMemory] if the decoded pictures do not fit in memory.
func Load(s Source, o Options) (_ *Dataset, err error) {
	defer printable.Error(&err)
	o, err = o.Resolve()
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%s: %s", s.Layout, s.Path)
	if len(s.Items) == 0 {
		return nil, fmt.Errorf("%s: %w %q; add pictures or choose another split", what, ErrNoPictures, o.Split)
	}
	if o.Captions && s.Texts == nil {
		return nil, fmt.Errorf("%s: %w; give pictures with a .txt file of the same name each, CUB_200_2011 with text_c10, or a WebDataset .tar", what, ErrNoCaptions)
	}
	need := product(len(s.Items), o.picture())
	if err := ram.Check(fmt.Sprintf("%s: %d pictures of %d×%d", what, len(s.Items), o.Size, o.Size), need); err != nil {
		return nil, err
	}
	if need > maxMemory {
		return nil, fmt.Errorf("%s: %d pictures of %d×%d need %d GB; choose a smaller picture size", what, len(s.Items), o.Size, o.Size, need>>30)
	}
	if err := s.check(o); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	cache := newCache(s, o)
	old := cache.load()
	d, err := decodeAll(s, o, old)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	captions := readCaptions(s)
	d.captions = captions.hash()
	if d.changed(s, old) {
		if err := cache.store(s, d); err != nil {
			s.Notes = append(s.Notes, fmt.Sprintf("decoded pictures were not kept in the cache: %v", err))
		}
	}
	return d.dataset(s, o, captions, old)
}

// Unusable is the error of an [Encoded] whose picture will not become readable: it is too large, or it is not there. The
// cache remembers it like a picture that cannot be decoded. Other errors, such as a lack of permission, may pass; then the
// picture is read again next time.
type Unusable struct{ Reason string }

// Error implements error.
func (u *Unusable) Error() string { return u.Reason }

// check returns an error if the fields of a source contradict each other.
func (s *Source) check(o Options) error {
	if s.Read == nil {
		return errors.New("the source has no Read; give one")
	}
	for _, item := range s.Items {
		if item.Label < 0 || item.Label >= len(s.Classes) {
			return fmt.Errorf("%s: label %d is not one of %d classes; correct it", item.Name, item.Label, len(s.Classes))
		}
		if _, boxed, _ := o.Resize.boxed(); boxed {
			if err := item.Box.check(); err != nil {
				return fmt.Errorf("%s: %w; correct it, or resize pictures by squash or crop", item.Name, err)
			}
		}
		if o.Cutout != "" && (item.Mask == nil || item.Mask.check() != nil) {
			return fmt.Errorf("%s: %w", item.Name, errMask)
		}
	}
	return nil
}
