package source

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

// TestLimitsOfDataset leaves out pictures beyond the limits, and takes them in the next load without limits.
func TestLimitsOfDataset(t *testing.T) {
	dir := t.TempDir()
	for name, side := range map[string]int{"a/small.png": 20, "a/large.png": 90, "b/small.jpg": 20} {
		var b bytes.Buffer
		encode := png.Encode
		if strings.HasSuffix(name, "jpg") {
			encode = func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }
		}
		if err := encode(&b, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
			t.Fatal(err)
		}
		text(t, b.String(), dir, name)
	}
	o := data.Options{Size: 8, Cache: t.TempDir(), Limits: data.Limits{Pixels: 1000}}
	d, err := Open(dir, o)
	if err != nil || d.Len() != 2 || len(d.Report.LeftOut) != 1 || !strings.Contains(d.Report.LeftOut[0].Reason, "90×90 pixels") {
		t.Fatalf("%v, %v", d, err)
	}
	o.Limits = data.Limits{}
	if d, err = Open(dir, o); err != nil || d.Len() != 3 {
		t.Errorf("%v, %v", d, err)
	}
}
