package drawn

import (
	"image"
	"os"
	"testing"

	"github.com/disintegration/imaging"
)

// TestBirdSheet writes a contact sheet for inspection: the same birds at 64 and at 32 pixels.
func TestBirdSheet(t *testing.T) {
	path := os.Getenv("BESTIARY_BIRD_SHEET")
	if path == "" {
		t.Skip("BESTIARY_BIRD_SHEET does not name a PNG file to write")
	}
	const across, down, side = 8, 6, 192
	sheet := image.NewNRGBA(image.Rect(0, 0, across*side, down*side))
	for k, size := range []int{64, 32} {
		d, err := NewBirds(7, across*down/2, Options{Size: size})
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.Len() {
			small := image.NewNRGBA(image.Rect(0, 0, size, size))
			for k, v := range d.Image(i) {
				small.Pix[k/3*4+k%3] = v
				small.Pix[k/3*4+3] = 255
			}
			sheet = imaging.Paste(sheet, imaging.Resize(small, side, side, imaging.CatmullRom), image.Pt(i%across*side, (i/across*2+k)*side))
		}
	}
	if err := imaging.Save(sheet, path); err != nil {
		t.Fatal(err)
	}
}
