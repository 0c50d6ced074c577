// Package drawn draws cats and dogs, and birds with captions: pictures to demonstrate and to test with, where there is nothing to download.
//
// Every picture is a few dozen antialiased shapes with smooth shading. Cats and dogs vary in pose (portrait or sitting, place, size, tilt of
// the head, direction of the look), in coat, eyes and ears, and in what is behind. Birds vary little in pose but in the colours of wing,
// belly and bill, which their captions name, and which MeasureColours finds in a picture, so that what a model draws for a prompt can be
// checked. Picture i of a seed depends on the seed and i alone: it is the same in a larger set, and at another size it is the same drawing.
package drawn

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/ram"
	"github.com/bestiary-ml/bestiary/internal/usage"
)

// Options say how to draw.
type Options struct {
	Size    int // side of the pictures, 8 to 1024; 0 means 64
	Workers int // pictures drawn at a time; 0 means GOMAXPROCS
}

// purpose sets this package's random streams apart from others of the same seed.
const purpose = 0x6472

// New draws n pictures of a seed. The even ones are cats (class 0), the odd ones dogs (class 1).
func New(seed uint64, n int, o Options) (*data.Dataset, error) {
	if o.Size == 0 {
		o.Size = data.DefaultSize
	}
	if o.Size < 8 || o.Size > 1024 {
		return nil, usage.Errorf("drawn: image size %d is out of range; choose 8 to 1024", o.Size)
	}
	if n < 1 {
		return nil, fmt.Errorf("drawn: cannot draw %d pictures; choose 1 or more", n)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if err := ram.Check(fmt.Sprintf("drawn: %d pictures of %d×%d", n, o.Size, o.Size), n*o.Size*o.Size*3); err != nil {
		return nil, err
	}
	classes := []string{"cat", "dog"}
	d := &data.Dataset{
		Size: o.Size, Classes: classes,
		Labels: make([]int, n), Names: make([]string, n), Pixels: make([]uint8, n*o.Size*o.Size*3),
		Report: data.Report{
			Source:  fmt.Sprintf("drawn: seed %d (%d×%d)", seed, o.Size, o.Size),
			Classes: classes, Counts: []int{(n + 1) / 2, n / 2},
		},
	}
	var wg sync.WaitGroup
	for w := range o.Workers {
		wg.Go(func() {
			c := newCanvas(o.Size)
			for i := w; i < n; i += o.Workers {
				d.Labels[i] = i % 2
				d.Names[i] = fmt.Sprintf("%s %d", classes[i%2], i)
				picture(c, seed, i)
				c.write(d.Image(i))
			}
		})
	}
	wg.Wait()
	return d, nil
}

// picture draws picture i.
func picture(c *canvas, seed uint64, i int) {
	r := dice{rand.New(data.NewPhilox(seed, purpose, uint64(i)))}
	c.reset()
	p := newPose(r)
	background(c, r, p)
	if i%2 == 0 {
		newCat(r).draw(c, p)
	} else {
		newDog(r).draw(c, p)
	}
}

// dice are the random choices of one picture.
type dice struct{ *rand.Rand }

// in returns a number between two.
func (d dice) in(from, to float64) float64 { return from + (to-from)*d.Float64() }

// chance is true with a probability.
func (d dice) chance(p float64) bool { return d.Float64() < p }
