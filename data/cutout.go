package data

import (
	"errors"
	"image/color"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// Cutout takes the background away, so that a picture shows its subject alone: "RUN" or "RUN:COLOUR", with the run folder of a segmenter,
// which finds the subject and its mask in what Options.Resize leaves of the picture, and white (the default), black or grey as the
// new background. Of pictures with transparency, the background is transparent. "" keeps pictures whole. Options.Segmenter finds the masks.
type Cutout string

// backgrounds are the colours that replace a background.
var backgrounds = map[string]color.NRGBA{"white": {255, 255, 255, 255}, "black": {0, 0, 0, 255}, "grey": {128, 128, 128, 255}}

// errMask is the error of a picture that can't be cut out.
var errMask = errors.New("has no mask by which it can be cut out; find one with FindSubjects")

// Run returns the run folder of the segmenter; "" if pictures stay whole.
func (c Cutout) Run() string {
	run, _ := c.parts()
	return run
}

// Background returns the colour around the subjects. Without a name in c it is white, which is also what transparency is blended with.
func (c Cutout) Background() color.NRGBA {
	if _, name := c.parts(); name != "" {
		return backgrounds[name]
	}
	return backgrounds["white"]
}

// parts returns the run and the name of the colour.
func (c Cutout) parts() (run, colour string) {
	if i := strings.LastIndexByte(string(c), ':'); i >= 0 {
		if _, known := backgrounds[string(c[i+1:])]; known {
			return string(c[:i]), string(c[i+1:])
		}
	}
	return string(c), ""
}

// check returns a [*fault.FieldError] unless pictures with a number of channels can be cut out.
func (c Cutout) check(channels int) error {
	run, colour := c.parts()
	switch {
	case c == "":
		return nil
	case run == "" || backgrounds[run] != color.NRGBA{}:
		return fault.Field("Cutout", c, "must be the run folder of a segmenter, alone or with :white, :black or :grey, such as runs/masks:grey")
	case channels == 4 && colour != "":
		return fault.Field("Cutout", c, "must have no colour for pictures with transparency, whose background becomes transparent; use %s", run)
	}
	return nil
}
