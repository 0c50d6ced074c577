package data

import (
	"fmt"
	"image"
	"time"

	"github.com/bestiary-ml/bestiary/data/internal/picture"
	"github.com/bestiary-ml/bestiary/fault"
)

// MaxPixels is the largest number of pixels of a picture that is decoded, unless Limits has a lower one.
const MaxPixels = picture.MaxPixels

// Limits bound what decoding a picture may take, for programs that decode the files of strangers. The zero value has the
// bounds of this package alone.
type Limits struct {
	Pixels int           // of a picture, up to MaxPixels; 0: MaxPixels
	Time   time.Duration // for decoding a picture and resizing it; 0: none. It is checked while the file is read and between the steps
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (l Limits) Validate() error {
	switch {
	case l.Pixels < 0 || l.Pixels > MaxPixels:
		return fault.Field("Pixels", l.Pixels, "must be 1 to %d, or 0 for %d", MaxPixels, MaxPixels)
	case l.Time < 0:
		return fault.Field("Time", l.Time, "must be above 0, or 0 for none")
	}
	return nil
}

// exceeded is the error for a picture that exceeds the limits of a caller. Another caller may have others, so the cache doesn't
// keep it.
type exceeded struct{ what string }

func (e *exceeded) Error() string { return e.what }

// check returns an error if a picture has too many pixels.
func (l Limits) check(c picture.Config) error {
	if l.Pixels > 0 && c.Pixels() > l.Pixels {
		return &exceeded{fmt.Sprintf("%d×%d pixels, more than the %d that are allowed", c.Width, c.Height, l.Pixels)}
	}
	return nil
}

// deadline returns until when a picture must be decoded that is begun now; the zero time: there is none.
func (l Limits) deadline() time.Time {
	if l.Time == 0 {
		return time.Time{}
	}
	return time.Now().Add(l.Time)
}

// late returns an error after a deadline.
func (l Limits) late(deadline time.Time) error {
	if deadline.IsZero() || time.Now().Before(deadline) {
		return nil
	}
	return &exceeded{fmt.Sprintf("decoding takes more than %v", l.Time)}
}

// Inspect returns the number of pixels of a picture without decoding it, or the error for one that [Limits.DecodeWhole] refuses by what
// the file says about itself.
func (l Limits) Inspect(encoded []byte) (pixels int, err error) {
	if err := l.Validate(); err != nil {
		return 0, err
	}
	config, err := picture.Inspect(encoded)
	if err != nil {
		return 0, err
	}
	return config.Pixels(), l.checkWhole(config)
}

// checkWhole returns an error if a picture is not decoded in its own size.
func (l Limits) checkWhole(c picture.Config) error {
	if err := l.check(c); err != nil {
		return err
	}
	if c.Scale > 1 { // boxes in an eighth of its sides would not be those of the picture
		return fmt.Errorf("%d×%d pixels, more than the %d million we decode in their own size; make it smaller, such as with: magick in.jpg -resize 50%% out.jpg",
			c.Width, c.Height, MaxPixels/1_000_000)
	}
	return nil
}

// DecodeWhole decodes a picture in its own size within limits. With upright, the orientation in Exif or XMP data is applied. The
// formats and the bounds are those of [Decode], but a JPEG of more than MaxPixels is an error too.
func (l Limits) DecodeWhole(encoded []byte, upright bool) (image.Image, error) {
	m, _, err := l.decodeUnresized(encoded, upright, l.checkWhole)
	return m, err
}

// decodeUnresized decodes a picture whose configuration passes a check. The sides of a large JPEG are divided by the configuration's
// Scale, those of other pictures by 1.
func (l Limits) decodeUnresized(encoded []byte, upright bool, check func(picture.Config) error) (_ image.Image, config picture.Config, err error) {
	// The decoders are written for well-formed files. A panic on a hostile file becomes an error.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the decoder failed: %v", r)
		}
	}()
	if err := l.Validate(); err != nil {
		return nil, config, err
	}
	if config, err = picture.Inspect(encoded); err != nil {
		return nil, config, err
	}
	if err := check(config); err != nil {
		return nil, config, err
	}
	if !upright {
		config.Orientation = 1
	}
	if config.Heavy {
		largeDecode.Lock()
		defer largeDecode.Unlock()
	}
	deadline := l.deadline()
	decoded, err := picture.DecodeUntil(encoded, config, deadline)
	if late := l.late(deadline); late != nil {
		return nil, config, late
	}
	return decoded, config, err
}
