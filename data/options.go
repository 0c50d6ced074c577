package data

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// Split names a part of a dataset.
type Split string

// The splits.
const (
	All      Split = "all"      // every picture; the zero value "" means the same
	Trainval Split = "trainval" // training pictures
	Test     Split = "test"     // test pictures
	Seen     Split = "seen"     // birds only: every picture of the training classes
	Unseen   Split = "unseen"   // birds only: every picture of the held-out classes
)

// Has reports whether a picture belongs to the split. heldOut says whether the picture, or its class, is held out.
func (s Split) Has(heldOut bool) bool {
	return s == All || s == "" || heldOut == (s == Test || s == Unseen)
}

// Labels names what the classes of the pets, or of a folder of classes, are.
type Labels string

// The labels.
const (
	Species Labels = "species" // cat, dog, or the sub-folders; the zero value "" means the same
	Breed   Labels = "breed"   // Abyssinian, american_bulldog, …: the names of the files without their numbers
)

// Resize names how a picture of any shape becomes square.
type Resize string

// The ways to resize.
const (
	Squash     Resize = "squash" // ignore the aspect ratio; the zero value "" means the same
	CenterCrop Resize = "crop"   // cut out the largest centred square; see also Boxes
)

// NoCache as Options.Cache turns the cache on disk off.
const NoCache = "off"

// DefaultSize is the side of a picture where Options.Size is 0.
const DefaultSize = 64

const (
	maxSize    = 2048
	maxWorkers = 1024
)

// Options say which pictures to load and how. The zero value loads every picture, squashed to 64×64.
type Options struct {
	Size      int                   // side of the square pictures in pixels, 1 to 2048; 0 means 64
	Channels  int                   // 3: RGB, transparency blended with white; 4: RGBA with straight alpha; 0 means 3
	Resize    Resize                // how pictures become square
	Subjects  Subjects              // finds the subjects of pictures if Resize is DetectedBy, unless Segmenter is of the same run
	Cutout    Cutout                // takes the background away; "": pictures stay whole
	Segmenter Subjects              // finds the masks of subjects for Cutout
	Split     Split                 // part of the dataset
	Labels    Labels                // pets and folders of classes only: what the classes are
	Images    string                // WebDataset only: columns with pictures, by preference; "" means "jpg,jpeg,png,gif,webp,bmp"
	Texts     string                // WebDataset only: columns with captions, by preference; json:KEY is a value in JSON; "" means "txt,caption"
	Captions  bool                  // load only pictures with a caption; an error where none has one
	Limits    Limits                // what decoding a picture may take
	Workers   int                   // pictures decoded at a time, up to 1024; 0 means GOMAXPROCS
	Cache     string                // folder for decoded pictures; "" means bestiary in the user's cache folder, NoCache none
	Progress  func(done, total int) // called after each picture, never by two goroutines at once; may be nil
	Context   context.Context       // ends the load early, with its error; may be nil
}

// Resolve replaces zero values by their defaults. It returns a [*fault.FieldError] for a value that is not allowed.
func (o Options) Resolve() (Options, error) {
	if o.Size == 0 {
		o.Size = DefaultSize
	}
	if err := checkSize(o.Size); err != nil {
		return o, err
	}
	if o.Channels == 0 {
		o.Channels = 3
	}
	if err := checkChannels(o.Channels); err != nil {
		return o, err
	}
	if err := o.Limits.Validate(); err != nil {
		return o, err
	}
	if o.Workers < 0 || o.Workers > maxWorkers {
		return o, fault.Field("Workers", o.Workers, "must be 1 to %d, or 0 for one a processor", maxWorkers)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	var err error
	if o.Resize, err = o.Resize.resolve(); err != nil {
		return o, err
	}
	if err := o.Cutout.check(o.Channels); err != nil {
		return o, err
	}
	if o.Split, err = oneOf("Split", o.Split, All, Trainval, Test, Seen, Unseen); err != nil {
		return o, err
	}
	if o.Labels != "" {
		_, err = oneOf("Labels", o.Labels, Species, Breed)
	}
	return o, err
}

func checkSize(size int) error {
	if size < 1 || size > maxSize {
		return fault.Field("Size", size, "must be 1 to %d pixels", maxSize)
	}
	return nil
}

func checkChannels(channels int) error {
	if channels != 3 && channels != 4 {
		return fault.Field("Channels", channels, "must be 3 (RGB) or 4 (RGBA)")
	}
	return nil
}

// picture returns the number of values in a picture.
func (o Options) picture() int { return o.Size * o.Size * o.Channels }

// stopped returns the error of the context.
func (o Options) stopped() error {
	if o.Context == nil {
		return nil
	}
	return o.Context.Err()
}

// Use is a set of options that only some layouts use.
type Use int

// The options that only some layouts use.
const (
	UseLabels  Use = 1 << iota // Labels
	UseClasses                 // the splits Seen and Unseen
	UseColumns                 // Images and Texts
	UseBoxes                   // Boxes as Resize
)

// ResolveFor is Resolve for a layout and the path it lists. It also returns a [*fault.FieldError] for an option that the
// layout would have to ignore.
func (o Options) ResolveFor(layout, path string, uses Use) (Options, error) {
	o, err := o.Resolve()
	if err != nil {
		return o, err
	}
	none := fmt.Sprintf("not available in %s (layout %s)", path, layout)
	_, boxed, _ := o.Resize.boxed()
	switch {
	case boxed && uses&UseBoxes == 0:
		return o, fault.Field("Resize", o.Resize, "%s, which has no bounding boxes; use squash or crop", none)
	case o.Labels != "" && uses&UseLabels == 0:
		return o, fault.Field("Labels", o.Labels, "%s; leave it empty", none)
	case (o.Split == Seen || o.Split == Unseen) && uses&UseClasses == 0:
		return o, fault.Field("Split", o.Split, "%s; use all, trainval or test", none)
	case o.Images != "" && uses&UseColumns == 0:
		return o, fault.Field("Images", o.Images, "%s; leave it empty", none)
	case o.Texts != "" && uses&UseColumns == 0:
		return o, fault.Field("Texts", o.Texts, "%s; leave it empty", none)
	}
	return o, nil
}

// oneOf returns v if it is one of the values, the first value if v is empty, and otherwise an error that lists them.
func oneOf[T ~string](field string, v T, values ...T) (T, error) {
	names := make([]string, len(values))
	for i, w := range values {
		if v == w {
			return v, nil
		}
		names[i] = string(w)
	}
	if v == "" {
		return values[0], nil
	}
	last := len(names) - 1
	return v, fault.Field(field, v, "must be %s or %s", strings.Join(names[:last], ", "), names[last])
}
