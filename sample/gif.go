package sample

import (
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"io"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// Animation says how [SaveGIF] shows frames. It repeats for ever.
type Animation struct {
	Delay    time.Duration // between frames, in steps of 10 ms; 0: 80 ms
	PingPong bool          // go back to the first frame backwards, instead of jumping there
	Scale    int           // every pixel becomes Scale×Scale; 0: so that frames are easily seen
}

// SaveGIF writes frames of one size as an animated GIF: 256 colours chosen for
// the whole animation (a palette a frame would flicker), and dithered.
func SaveGIF(path string, frames []*image.NRGBA, a Animation) error {
	if len(frames) == 0 {
		return fmt.Errorf("%s: there are no frames to write; ask for two or more", path)
	}
	for i, f := range frames {
		if f == nil || f.Bounds().Empty() || f.Bounds().Size() != frames[0].Bounds().Size() {
			return fmt.Errorf("%s: frame %d is empty or not of the first frame's size; draw all frames in one size", path, i)
		}
	}
	size := frames[0].Bounds().Size()
	scale := a.Scale
	if scale == 0 {
		scale = autoScale(size, 1, 1, false)
	}
	// The format has 16 bits for a side.
	if scale < 0 || max(size.X, size.Y) > math.MaxUint16/scale {
		return fmt.Errorf("%s: frames of %d×%d at scale %d do not fit a GIF; use a smaller scale or smaller frames", path, size.X, size.Y, scale)
	}
	delay := a.Delay
	if delay <= 0 {
		delay = 80 * time.Millisecond
	}
	// Browsers slow down what is faster than 20 ms.
	hundredths := max(2, int(delay.Round(10*time.Millisecond)/(10*time.Millisecond)))

	images := dither(frames, scale)
	if a.PingPong {
		for i := len(images) - 2; i > 0; i-- {
			images = append(images, images[i])
		}
	}
	anim := &gif.GIF{Image: images, Delay: make([]int, len(images))}
	for i := range anim.Delay {
		anim.Delay[i] = hundredths
	}
	anim.Config = image.Config{ColorModel: images[0].Palette, Width: size.X * scale, Height: size.Y * scale}
	return atomicfile.Write(path, func(w io.Writer) error { return gif.EncodeAll(w, anim) })
}

// dither enlarges first: the pattern is then as fine as the screen's pixels.
func dither(frames []*image.NRGBA, scale int) []*image.Paletted {
	palette := adaptivePalette(frames, 256)
	images := make([]*image.Paletted, len(frames))
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, f := range frames {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			big := upscale(f, scale)
			images[i] = image.NewPaletted(big.Bounds(), palette)
			draw.FloydSteinberg.Draw(images[i], big.Bounds(), big, image.Point{})
		})
	}
	wait.Wait()
	return images
}
