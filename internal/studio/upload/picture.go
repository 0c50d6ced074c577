// Package upload reads pictures and archives that clients send, within bounds.
package upload

import (
	"image"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// MaxPicture is the largest size of an encoded picture.
const MaxPicture = 32 << 20

// Picture decodes a picture to pixels [size, size, channels]. Its size is checked before it is decoded. field names it in
// errors.
func Picture(field string, encoded []byte, size, channels int, crop bool) ([]uint8, error) {
	if err := sized(field, encoded); err != nil {
		return nil, err
	}
	mode := data.Squash
	if crop {
		mode = data.CenterCrop
	}
	pixels := make([]uint8, size*size*channels)
	if err := data.Decode(pixels, encoded, size, mode); err != nil {
		return nil, unusable(field, err)
	}
	return pixels, nil
}

// sized returns an error unless there is a picture of an allowed size.
func sized(field string, encoded []byte) error {
	switch {
	case len(encoded) == 0:
		return problem.Wrong(field, "must be a picture: a JPEG, PNG, GIF, WebP or BMP file")
	case len(encoded) > MaxPicture:
		return problem.Wrong(field, "must have at most %d MB", MaxPicture>>20)
	}
	return nil
}

func unusable(field string, err error) error {
	return problem.Wrong(field, "is not a picture that can be used: %v", err)
}

// Inspect returns the number of pixels of a picture that [Whole] decodes, without decoding it.
func Inspect(field string, encoded []byte) (pixels int, err error) {
	if err := sized(field, encoded); err != nil {
		return 0, err
	}
	if pixels, err = (data.Limits{}).Inspect(encoded); err != nil {
		return 0, unusable(field, err)
	}
	return pixels, nil
}

// Whole decodes a picture in its own size, upright.
func Whole(field string, encoded []byte) (image.Image, error) {
	if err := sized(field, encoded); err != nil {
		return nil, err
	}
	decoded, err := (data.Limits{}).DecodeWhole(encoded, true)
	if err != nil {
		return nil, unusable(field, err)
	}
	return decoded, nil
}
