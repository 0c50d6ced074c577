package maskrcnn

import (
	"math"
	"sync"
)

// Resized returns the size to which a picture of width×height pixels is resized: its shorter side becomes MinSide pixels, unless the
// longer one is then longer than MaxSide, which it becomes instead. Numbers are rounded as in torchvision's GeneralizedRCNNTransform,
// to the pixel.
func (c Config) Resized(width, height int) Size {
	short, long := float64(min(width, height)), float64(max(width, height))
	scale := min(float64(c.MinSide)/short, float64(c.MaxSide)/long)
	side := func(n int) int { return max(1, int(math.Floor(float64(n)*scale))) }
	return Size{Height: side(height), Width: side(width)}
}

// Sides returns the sides of a batch of pictures of these sizes: those of the largest, rounded up to multiples of 32.
func Sides(sizes []Size) Size {
	var sides Size
	for _, s := range sizes {
		sides.Height, sides.Width = max(sides.Height, s.Height), max(sides.Width, s.Width)
	}
	up := func(n int) int { return (n + stride - 1) / stride * stride }
	return Size{Height: up(sides.Height), Width: up(sides.Width)}
}

// Frame returns a batch [N, H, W, 3] of pictures of these sizes, padded to sides: see [Sides]. show writes picture i, [height, width, 3]
// with values in [−1, 1]. It is called for all pictures at the same time; Frame returns the error of the first that fails.
func (m *Model) Frame(sizes []Size, sides Size, show func(i int, pixels []float32) error) ([]float32, error) {
	one := sides.Height * sides.Width * 3
	all := make([]float32, len(sizes)*one)
	failures := make([]error, len(sizes))
	var wait sync.WaitGroup
	for i, size := range sizes {
		wait.Go(func() {
			pixels := make([]float32, size.Height*size.Width*3)
			if failures[i] = show(i, pixels); failures[i] == nil {
				m.pad(all[i*one:(i+1)*one], sides, pixels, size)
			}
		})
	}
	wait.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// pad copies a picture to the upper left of a larger one.
func (m *Model) pad(to []float32, sides Size, from []float32, size Size) {
	colour := m.Padding()
	for y := range sides.Height {
		line, width := to[y*sides.Width*3:(y+1)*sides.Width*3], 0
		if y < size.Height {
			width = size.Width
			copy(line, from[y*width*3:(y+1)*width*3])
		}
		for x := width; x < sides.Width; x++ {
			copy(line[3*x:], colour[:])
		}
	}
}
