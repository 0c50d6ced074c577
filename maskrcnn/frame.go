package maskrcnn

import (
	"math"
	"sync"
)

// Resized returns the size to which a picture of width×height pixels is resized: its shorter side becomes MinSide pixels, unless the
// longer one is then longer than MaxSide, which it becomes instead. Numbers are rounded as in torchvision's GeneralizedRCNNTransform,
// to the pixel. With matterport's conventions, a picture is not made smaller for MinSide, and sides are rounded to the nearest.
func (c Config) Resized(width, height int) Size {
	if c.Conventions == matterport {
		return c.enlarged(width, height)
	}
	short, long := float64(min(width, height)), float64(max(width, height))
	scale := min(float64(c.MinSide)/short, float64(c.MaxSide)/long)
	side := func(n int) int { return max(1, int(math.Floor(float64(n)*scale))) }
	return Size{Height: side(height), Width: side(width)}
}

// enlarged is Resized by matterport's resize_image in the mode square.
func (c Config) enlarged(width, height int) Size {
	scale := max(1, float64(c.MinSide)/float64(min(width, height)))
	if long := float64(max(width, height)); math.RoundToEven(long*scale) > float64(c.MaxSide) {
		scale = float64(c.MaxSide) / long
	}
	side := func(n int) int { return max(1, int(math.RoundToEven(float64(n)*scale))) }
	return Size{Height: side(height), Width: side(width)}
}

// Sides returns the sides of a batch of pictures of these sizes: those of the largest, rounded up to multiples of 32. With matterport's
// conventions, both are MaxSide.
func (c Config) Sides(sizes []Size) Size {
	if c.Conventions == matterport {
		return Size{Height: c.MaxSide, Width: c.MaxSide}
	}
	var sides Size
	for _, s := range sizes {
		sides.Height, sides.Width = max(sides.Height, s.Height), max(sides.Width, s.Width)
	}
	up := func(n int) int { return (n + stride - 1) / stride * stride }
	return Size{Height: up(sides.Height), Width: up(sides.Width)}
}

// Frame returns a batch [N, H, W, 3] of pictures of these sizes, padded to sides: see [Config.Sides]. show writes picture i, [height, width, 3]
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

// pad copies a picture to its place in a larger one, see [Config.Corner].
func (m *Model) pad(to []float32, sides Size, from []float32, size Size) {
	colour := m.Padding()
	for i := 0; i < len(to); i += len(colour) {
		copy(to[i:], colour[:])
	}
	x, y := m.config.Corner(size)
	for row := range size.Height {
		copy(to[((y+row)*sides.Width+x)*3:], from[row*size.Width*3:(row+1)*size.Width*3])
	}
}
