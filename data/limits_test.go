package data_test

import (
	"bytes"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"golang.org/x/image/bmp"
)

// encoded is a picture in a format.
func encodedAs(t *testing.T, format string, side int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = uint8(i*i>>3) | 1
	}
	var b bytes.Buffer
	var err error
	switch format {
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "png":
		err = png.Encode(&b, img)
	case "gif":
		err = gif.Encode(&b, img, nil)
	case "bmp":
		err = bmp.Encode(&b, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLimits refuses pictures that are too large or take too long, in every format, and takes the others.
func TestLimits(t *testing.T) {
	dst := make([]uint8, 8*8*3)
	for _, format := range []string{"jpeg", "png", "gif", "bmp"} {
		b := encodedAs(t, format, 400)
		if n, err := (data.Limits{}).Inspect(b); n != 400*400 || err != nil {
			t.Errorf("%s has %d pixels, %v", format, n, err)
		}
		if _, err := (data.Limits{Pixels: 400*400 - 1}).Inspect(b); err == nil {
			t.Errorf("%s: too many pixels are accepted", format)
		}
		for _, test := range []struct {
			limits data.Limits
			want   string
		}{
			{data.Limits{}, ""},
			{data.Limits{Pixels: 400 * 400, Time: time.Minute}, ""},
			{data.Limits{Pixels: 400*400 - 1}, "400×400 pixels, more than the 159999 that are allowed"},
			{data.Limits{Time: time.Nanosecond}, "decoding takes more than 1ns"},
		} {
			err := test.limits.Decode(dst, b, 8, data.Squash)
			if (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
				t.Errorf("%s with %+v: %v", format, test.limits, err)
			}
		}
	}
	var wrong *fault.FieldError
	for _, l := range []data.Limits{{Pixels: -1}, {Pixels: data.MaxPixels + 1}, {Time: -1}} {
		if err := l.Decode(dst, nil, 8, data.Squash); !errors.As(err, &wrong) {
			t.Errorf("%+v: %v", l, err)
		}
		if _, err := l.Inspect(nil); !errors.As(err, &wrong) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	if _, err := (data.Limits{}).Inspect([]byte("no picture")); err == nil {
		t.Error("a text is a picture")
	}
}
