package data

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"sync"

	"github.com/bestiary-ml/bestiary/data/internal/picture"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
	"github.com/disintegration/imaging"
)

const maxEncoded = 256 << 20 // bytes of an encoded picture

// largeDecode is held while a heavy picture is decoded, which bounds memory for any number of workers.
var largeDecode sync.Mutex

// Decode decodes a picture and resizes it to size×size pixels with a Lanczos filter. dst is [size, size, 3] for RGB, where
// transparency is blended with white, or [size, size, 4] for RGBA with straight alpha.
//
// The format is recognised by content: JPEG (grey, RGB, CMYK and YCCK), PNG, GIF, WebP and BMP; of an animation, the first
// frame. The orientation in Exif or XMP data is applied. A JPEG of more than 50 million pixels is decoded to an eighth of its
// width and height. Errors, before a pixel is decoded: a picture of more than 50 million pixels, a JPEG of more than 256
// million, a side of more than 65,535 pixels, a JPEG of more than 100 scans. The error for another format names a
// tool that converts it. The mode Boxes needs a box and is an error.
func Decode(dst []uint8, encoded []byte, size int, mode Resize) (err error) {
	return Limits{}.Decode(dst, encoded, size, mode)
}

// Decode is [Decode] within limits.
func (l Limits) Decode(dst []uint8, encoded []byte, size int, mode Resize) (err error) {
	if mode, err = oneOf("Resize", mode, Squash, CenterCrop); err != nil {
		return err
	}
	if err := l.Validate(); err != nil {
		return err
	}
	return l.decode(dst, encoded, shape{size: size, mode: mode})
}

// shape says how a picture becomes square.
type shape struct {
	size       int
	mode       Resize
	subject    Subject     // its box for the mode Boxes; its mask, if the picture is cut out
	background color.NRGBA // behind transparency; the zero value is white
}

// of returns the shape of a picture.
func (o Options) of(item Item) shape {
	s := shape{size: o.Size, mode: o.Resize, subject: Subject{Box: item.Box}}
	if o.Cutout != "" {
		s.subject.Mask, s.background = item.Mask, o.Cutout.Background()
	}
	return s
}

// decode is Decode to a shape.
func (l Limits) decode(dst []uint8, encoded []byte, s shape) (err error) {
	// The decoders are written for well-formed files. A panic on a hostile file becomes an error.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the decoder failed: %v", r)
		}
	}()
	size := s.size
	if err := checkSize(size); err != nil {
		return err
	}
	if _, _, err := s.mode.boxed(); err != nil {
		return err
	}
	if len(dst) != size*size*3 && len(dst) != size*size*4 {
		return fmt.Errorf("destination holds %d bytes, want %d or %d", len(dst), size*size*3, size*size*4)
	}
	config, err := picture.Inspect(encoded)
	if err != nil {
		return err
	}
	if err := l.check(config); err != nil {
		return err
	}
	if config.Heavy {
		largeDecode.Lock()
		defer largeDecode.Unlock()
	}
	deadline := l.deadline()
	decoded, err := picture.DecodeUntil(encoded, config, deadline)
	if late := l.late(deadline); late != nil {
		return late
	}
	if err != nil {
		return err
	}
	// Crop before resizing: otherwise a 1×20000 picture becomes 64×1280000 in between.
	part := s.mode.part(decoded.Bounds().Size(), config, s.subject.Box)
	if part.Size() != decoded.Bounds().Size() || s.subject.Mask != nil {
		cropped := imaging.Crop(decoded, part.Add(decoded.Bounds().Min)) // a copy
		if s.subject.Mask != nil {
			s.subject.Mask.cutOut(cropped, part.Min, float64(config.Scale))
		}
		decoded = cropped
	}
	resized := resize(decoded, size).Pix
	if err := l.late(deadline); err != nil {
		return err
	}
	if len(dst) == len(resized) {
		copy(dst, resized)
	} else {
		onto(s.background, dst, resized)
	}
	return nil
}

// part returns the part of a decoded, upright picture that becomes square. box is that of the subject, in pixels before the scale of
// config.
func (r Resize) part(size image.Point, c picture.Config, box Box) image.Rectangle {
	margin, boxed, _ := r.boxed()
	switch {
	case boxed:
		if r.Run() == "" { // boxes of datasets are those of the picture as it is stored, those of detectors of the upright one
			box = box.upright(c)
		}
		return box.move(1/float64(c.Scale), image.Point{}).Square(margin, size.X, size.Y)
	case r == CenterCrop:
		side := min(size.X, size.Y)
		left, top := (size.X-side)/2, (size.Y-side)/2
		return image.Rect(left, top, left+side, top+side)
	}
	return image.Rectangle{Max: size}
}

// tallAspect is the height, in widths, from which a picture is resized vertically first.
const tallAspect = 8

// resize scales a picture to size×size pixels. imaging resizes horizontally first, so a picture of 1×60000 would become one
// of 64×60000 in between. The long side of tall pictures is shrunk first instead.
func resize(m image.Image, size int) *image.NRGBA {
	if w, h := m.Bounds().Dx(), m.Bounds().Dy(); h/w >= tallAspect && h > size {
		m = imaging.Resize(m, w, size, imaging.Lanczos)
	}
	return imaging.Resize(m, size, size, imaging.Lanczos)
}

// onto blends RGBA pixels with straight alpha with a colour, the zero value with white.
func onto(background color.NRGBA, rgb, rgba []uint8) {
	if background == (color.NRGBA{}) {
		background = backgrounds["white"]
	}
	behind := [3]uint32{uint32(background.R), uint32(background.G), uint32(background.B)}
	for i, j := 0, 0; j < len(rgba); i, j = i+3, j+4 {
		alpha := uint32(rgba[j+3])
		for c := range 3 {
			rgb[i+c] = uint8((uint32(rgba[j+c])*alpha + behind[c]*(255-alpha) + 127) / 255)
		}
	}
}

// DecodeFile reads and decodes one picture to pixels [size, size, channels], with 3 channels for RGB or 4 for RGBA; see
// [Decode]. The error for a file that is not a picture is a [*fault.DamagedFile].
func DecodeFile(path string, size, channels int, mode Resize) (_ []uint8, err error) {
	return Limits{}.DecodeFile(path, size, channels, mode)
}

// DecodeFile is [DecodeFile] within limits.
func (l Limits) DecodeFile(path string, size, channels int, mode Resize) (_ []uint8, err error) {
	defer printable.Error(&err)
	if err := checkSize(size); err != nil {
		return nil, err
	}
	if err := checkChannels(channels); err != nil {
		return nil, err
	}
	mode, err = oneOf("Resize", mode, Squash, CenterCrop)
	if err != nil {
		return nil, err
	}
	encoded, err := readFile(path, maxEncoded)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); check the path and its permissions", path, err)
	}
	pixels := make([]uint8, size*size*channels)
	if err := l.Decode(pixels, encoded, size, mode); err != nil {
		var over *exceeded
		if errors.As(err, &over) {
			return nil, fault.Damaged(path, "%v; make the picture smaller", err)
		}
		return nil, picture.Damaged(path, err)
	}
	return pixels, nil
}

// readFile reads a regular file of at most the given size, as [Encoded]. Its errors do not name the path.
func readFile(path string, most int64) ([]byte, error) {
	encoded, err := regular.ReadFile(path, most)
	var kind *regular.ErrKind
	if errors.As(err, &kind) {
		return nil, &Unusable{kind.Kind}
	}
	return encoded, err
}

// withoutPath strips "open /the/path: " from an error.
func withoutPath(err error) error {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
