package data

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/usage"
)

// Split names a part of a dataset.
type Split string

const (
	All      Split = "all"      // every picture; the zero value "" means the same
	Trainval Split = "trainval" // to train on
	Test     Split = "test"     // held out
	Seen     Split = "seen"     // birds only: every picture of the classes to train on
	Unseen   Split = "unseen"   // birds only: every picture of the classes held out, of which Seen has none
)

// Labels names what the classes of the pets are.
type Labels string

const (
	Species Labels = "species" // cat, dog; the zero value "" means the same for pets
	Breed   Labels = "breed"   // Abyssinian, american_bulldog, …
)

// Resize names how a picture of any shape becomes square.
type Resize string

const (
	Squash     Resize = "squash" // ignore the aspect ratio; the zero value "" means the same
	CenterCrop Resize = "crop"   // cut the largest centred square
)

// NoCache as Options.Cache turns the cache on disk off.
const NoCache = "off"

// DefaultSize is the side of a picture where Options.Size is 0.
const DefaultSize = 64

const maxSize = 2048

// Options say which pictures to load and how. The zero value loads every picture, squashed to 64×64.
type Options struct {
	Size     int                   // side of the square pictures, 1 to 2048; 0 means 64
	Channels int                   // 3: RGB, transparency laid on white; 4: RGBA, with straight alpha; 0 means 3
	Resize   Resize                // how they become square
	Split    Split                 // which part
	Labels   Labels                // pets only: what the classes are
	Images   string                // WebDataset only: columns that hold pictures, by preference; "" means "jpg,jpeg,png,gif,webp,bmp"
	Texts    string                // WebDataset only: columns that hold captions, likewise, "json:KEY" a value in JSON; "" means "txt,caption"
	Captions bool                  // only pictures that have a caption; an error where none has
	Workers  int                   // pictures decoded at a time; 0 means GOMAXPROCS
	Cache    string                // folder of decoded pictures; "" means bestiary in the user's cache folder, NoCache none
	Progress func(done, total int) // if not nil, called after each picture, never by two goroutines at once
}

// Resolve fills in what zero values stand for and refuses values that mean nothing.
func (o Options) Resolve() (Options, error) {
	if o.Size == 0 {
		o.Size = DefaultSize
	}
	if o.Size < 1 || o.Size > maxSize {
		return o, fmt.Errorf("data: image size %d is out of range; choose 1 to %d", o.Size, maxSize)
	}
	if o.Channels == 0 {
		o.Channels = 3
	}
	if o.Channels != 3 && o.Channels != 4 {
		return o, fmt.Errorf("data: pictures of %d channels do not exist; choose 3 (RGB) or 4 (RGBA)", o.Channels)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	var err error
	if o.Resize, err = oneOf("resize", o.Resize, Squash, CenterCrop); err != nil {
		return o, err
	}
	if o.Split, err = oneOf("split", o.Split, All, Trainval, Test, Seen, Unseen); err != nil {
		return o, err
	}
	if o.Labels != "" {
		_, err = oneOf("labels", o.Labels, Species, Breed)
	}
	return o, err
}

// picture returns how many values a picture has.
func (o Options) picture() int { return o.Size * o.Size * o.Channels }

// Use is a set of the options that not every layout has a use for.
type Use int

const (
	UseLabels  Use = 1 << iota // Labels
	UseClasses                 // the splits Seen and Unseen
	UseColumns                 // Images and Texts
)

// ResolveFor is Resolve for a layout and the path it lists. It also refuses the options that the layout would have to ignore.
func (o Options) ResolveFor(layout, path string, uses Use) (Options, error) {
	o, err := o.Resolve()
	if err != nil {
		return o, err
	}
	what, remedy := "", ""
	switch {
	case o.Labels != "" && uses&UseLabels == 0:
		what, remedy = fmt.Sprintf("labels %q", o.Labels), "leave them out"
	case (o.Split == Seen || o.Split == Unseen) && uses&UseClasses == 0:
		what, remedy = fmt.Sprintf("split %q", o.Split), "choose all, trainval or test"
	case (o.Images != "" || o.Texts != "") && uses&UseColumns == 0:
		what, remedy = fmt.Sprintf("columns %q", strings.Trim(o.Images+","+o.Texts, ",")), "leave them out"
	default:
		return o, nil
	}
	return o, usage.Errorf("%s: %s: has no %s; %s", layout, path, what, remedy)
}

// oneOf returns v if it is one of the values, the first if v is empty, and an error that lists them otherwise.
func oneOf[T ~string](what string, v T, values ...T) (T, error) {
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
	return v, fmt.Errorf("data: %s %q does not exist; choose %s", what, v, listOr(names))
}

// listOr is "a, b or c".
func listOr(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
