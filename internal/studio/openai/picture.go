package openai

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"

	"github.com/bestiary-ml/bestiary/internal/studio/work"
	scale "golang.org/x/image/draw"
)

// encode returns a picture in the form that is asked for, in base64.
func (f form) encode(file []byte) (string, error) {
	text, _, err := f.picture(file)
	return text, err
}

func (f form) picture(file []byte) (text string, side int, err error) {
	config, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return "", 0, err
	}
	if side = config.Width; !f.jpeg && (f.side == 0 || f.side == side) {
		return base64.StdEncoding.EncodeToString(file), side, nil
	}
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return "", 0, err
	}
	if f.side != 0 && f.side != side {
		side = f.side
		larger := image.NewNRGBA(image.Rect(0, 0, side, side))
		scale.CatmullRom.Scale(larger, larger.Bounds(), img, img.Bounds(), scale.Src, nil)
		img = larger
	}
	if !f.jpeg {
		scaled, err := work.EncodePNG(img)
		return base64.StdEncoding.EncodeToString(scaled), side, err
	}
	var b bytes.Buffer
	flat := image.NewRGBA(img.Bounds())
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Over)
	err = jpeg.Encode(&b, flat, &jpeg.Options{Quality: f.quality})
	return base64.StdEncoding.EncodeToString(b.Bytes()), side, err
}
