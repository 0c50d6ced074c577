package layout

import (
	"image"
	"image/color"
	"image/gif"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gradients are frames with far more than 256 colours.
func gradients(n, side int) []*image.NRGBA {
	frames := make([]*image.NRGBA, n)
	for i := range frames {
		frames[i] = image.NewNRGBA(image.Rect(0, 0, side, side))
		for y := range side {
			for x := range side {
				frames[i].SetNRGBA(x, y, color.NRGBA{uint8(255 * x / side), uint8(255 * y / side), uint8(255 * i / n), 255})
			}
		}
	}
	return frames
}

func TestSaveGIF(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gif")
	frames := gradients(4, 32)
	if err := SaveGIF(path, frames, Animation{Delay: 125 * time.Millisecond, PingPong: true, Scale: 2}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	anim, err := gif.DecodeAll(f)
	if err != nil {
		t.Fatal(err)
	}
	order := []int{0, 1, 2, 3, 2, 1}
	if len(anim.Image) != len(order) || anim.LoopCount != 0 || anim.Config.Width != 64 {
		t.Fatalf("%d frames, loop %d, width %d", len(anim.Image), anim.LoopCount, anim.Config.Width)
	}
	for i, img := range anim.Image {
		if anim.Delay[i] != 13 {
			t.Errorf("delay %d", anim.Delay[i])
		}
		// Dithering changes single pixels, but not the average of a block.
		for _, at := range []image.Point{{0, 0}, {16, 16}, {24, 4}} {
			var got, want [3]float64
			for y := range 8 {
				for x := range 8 {
					for _, c := range []struct {
						sum   *[3]float64
						value color.Color
					}{{&got, img.At(2*at.X+2*x, 2*at.Y+2*y)}, {&want, frames[order[i]].At(at.X+x, at.Y+y)}} {
						v := color.NRGBAModel.Convert(c.value).(color.NRGBA)
						for k, b := range []uint8{v.R, v.G, v.B} {
							c.sum[k] += float64(b) / 64
						}
					}
				}
			}
			for k := range 3 {
				if math.Abs(got[k]-want[k]) > 8 {
					t.Errorf("frame %d, block %v: %.0f, want %.0f", i, at, got, want)
					break
				}
			}
		}
	}
}

func TestSaveGIFRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gif")
	for want, f := range map[string]func() error{
		"no frames":  func() error { return SaveGIF(path, nil, Animation{}) },
		"frame 1":    func() error { return SaveGIF(path, append(plain(1, 8, 8), plain(1, 8, 9)...), Animation{}) },
		"Scale 9000": func() error { return SaveGIF(path, plain(1, 8, 8), Animation{Scale: 9000}) },
		"Scale -1":   func() error { return SaveGIF(path, plain(1, 8, 8), Animation{Scale: -1}) },
	} {
		err := f()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestAdaptivePalette(t *testing.T) {
	// Few colours are kept exactly, however rare.
	img := plain(1, 100, 100)[0]
	rare := color.NRGBA{0, 255, 0, 255}
	img.SetNRGBA(3, 3, rare)
	got := adaptivePalette([]*image.NRGBA{img}, 256)
	if len(got) != 2 || got.Convert(rare) != color.Color(color.RGBA{0, 255, 0, 255}) {
		t.Errorf("palette %v", got)
	}
	// Of many colours, the nearest is near.
	frames := gradients(8, 64)
	palette := adaptivePalette(frames, 256)
	if len(palette) != 256 {
		t.Fatalf("%d colours, want 256", len(palette))
	}
	var squares float64
	for i := 0; i < len(frames[3].Pix); i += 4 {
		p := frames[3].Pix[i:]
		q := palette.Convert(color.NRGBA{p[0], p[1], p[2], 255}).(color.RGBA)
		for k, v := range []uint8{q.R, q.G, q.B} {
			squares += math.Pow(float64(v)-float64(p[k]), 2)
		}
	}
	if rms := math.Sqrt(squares / (3 * 64 * 64)); rms > 14 { // a fixed cube of 6×6×6 has 14.7
		t.Errorf("the palette is off by %.1f on average", rms)
	}
}
