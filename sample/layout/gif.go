package layout

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

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// Animation says how [EncodeGIF] shows frames. The animation repeats without end.
type Animation struct {
	Delay    time.Duration // between frames, rounded to 10 ms; 0 is 80 ms
	PingPong bool          // play backwards to the first frame instead of jumping to it
	Scale    int           // every pixel becomes Scale×Scale pixels; 0 chooses a scale at which frames are easy to see
}

// SaveGIF writes frames to a file, as [EncodeGIF] does. An error leaves the file as it was.
func SaveGIF(path string, frames []*image.NRGBA, a Animation) error {
	if err := a.check(frames); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error { return a.encode(w, frames) })
}

// EncodeGIF writes frames of one size as an animated GIF. All frames share one palette of 256 colours, because a palette
// for each frame would flicker, and are dithered. Wrong arguments give a [*fault.FieldError].
func EncodeGIF(w io.Writer, frames []*image.NRGBA, a Animation) error {
	if err := a.check(frames); err != nil {
		return err
	}
	return a.encode(w, frames)
}

// encode writes frames that were checked.
func (a Animation) encode(w io.Writer, frames []*image.NRGBA) error {
	size := frames[0].Bounds().Size()
	scale := a.scale(size)
	delay := a.Delay
	if delay <= 0 {
		delay = 80 * time.Millisecond
	}
	// Browsers slow down animations that are faster than 20 ms a frame.
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
	return gif.EncodeAll(w, anim)
}

// check returns an error for frames that can't be written.
func (a Animation) check(frames []*image.NRGBA) error {
	if len(frames) == 0 {
		return fault.Field("Frames", nil, "there are no frames to write; give two or more")
	}
	for i, f := range frames {
		if !drawable(f) || f.Bounds().Size() != frames[0].Bounds().Size() {
			return fault.Field("Frames", nil, "frame %d is empty or has another size than the first frame", i)
		}
	}
	size := frames[0].Bounds().Size()
	// The format has 16 bits for a side.
	if scale := a.scale(size); scale < 1 || max(size.X, size.Y) > math.MaxUint16/scale {
		return fault.Field("Scale", a.Scale, "must be 1 or more, and frames of %d×%d pixels at that scale at most %d pixels a side", size.X, size.Y, math.MaxUint16)
	}
	return nil
}

// scale is the scale for frames of a size.
func (a Animation) scale(size image.Point) int {
	if a.Scale == 0 {
		return autoScale(size, 1, 1, false)
	}
	return a.Scale
}

// dither enlarges frames and dithers them. Enlarging first makes the pattern as fine as the pixels of the screen.
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
