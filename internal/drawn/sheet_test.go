package drawn

import (
	"image"
	"os"
	"testing"

	"github.com/disintegration/imaging"
)

// TestSheet writes a contact sheet to look at.
func TestSheet(t *testing.T) {
	path := os.Getenv("BESTIARY_SHEET")
	if path == "" {
		t.Skip("BESTIARY_SHEET does not name a PNG file to write")
	}
	d, err := New(7, 80, Options{})
	if err != nil {
		t.Fatal(err)
	}
	const across, zoom = 10, 3
	side := d.Size * zoom
	sheet := image.NewNRGBA(image.Rect(0, 0, across*side, d.Len()/across*side))
	for i := range d.Len() {
		small := image.NewNRGBA(image.Rect(0, 0, d.Size, d.Size))
		for k, v := range d.Image(i) {
			small.Pix[k/3*4+k%3] = v
			small.Pix[k/3*4+3] = 255
		}
		x, y := i/2%across, i/2/across*2+i%2 // a row of cats over a row of dogs
		sheet = imaging.Paste(sheet, imaging.Resize(small, side, side, imaging.CatmullRom), image.Pt(x*side, y*side))
	}
	if err := imaging.Save(sheet, path); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkDraw(b *testing.B) {
	c := newCanvas(64)
	for i := 0; b.Loop(); i++ {
		picture(c, 1, i)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pictures/s")
}
