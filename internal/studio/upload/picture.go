// Package upload reads pictures and archives that clients send, within bounds.
package upload

import (
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// MaxPicture is the largest size of an encoded picture.
const MaxPicture = 32 << 20

// Picture decodes a picture to pixels [size, size, channels]. Its size is checked before it is decoded. field names it in
// errors.
func Picture(field string, encoded []byte, size, channels int, crop bool) ([]uint8, error) {
	switch {
	case len(encoded) == 0:
		return nil, problem.Wrong(field, "must be a picture: a JPEG, PNG, GIF, WebP or BMP file in base64")
	case len(encoded) > MaxPicture:
		return nil, problem.Wrong(field, "must have at most %d MB", MaxPicture>>20)
	}
	mode := data.Squash
	if crop {
		mode = data.CenterCrop
	}
	pixels := make([]uint8, size*size*channels)
	if err := data.Decode(pixels, encoded, size, mode); err != nil {
		return nil, problem.Wrong(field, "is not a picture that can be used: %v", err)
	}
	return pixels, nil
}
