// Package drawn draws cats and dogs, and birds with captions: pictures for demonstrations and tests, without a download.
//
// A picture is a few dozen antialiased shapes with smooth shading. Cats and dogs vary in pose (portrait or sitting,
// position, size, tilt of the head, direction of the look), coat, eyes, ears and background. Birds vary little in pose but
// in the colours of wing, belly and bill. Their captions name these colours and [MeasureColours] finds them in a picture,
// so that a picture generated for a prompt can be checked.
//
// Picture i of a seed depends on the seed and i alone: it is the same in a larger set. At another size it is the same
// drawing.
package drawn

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

// Options say how to draw.
type Options struct {
	Size    int // side of the pictures in pixels, 8 to 1024; 0 means 64
	Workers int // pictures drawn at a time; 0 means GOMAXPROCS
}

// maxPictures bounds the size of a set.
const maxPictures = 1 << 24

// resolve replaces zero values by their defaults and returns an error for n pictures that can't be drawn.
func (o Options) resolve(what string, n int) (Options, error) {
	if o.Size == 0 {
		o.Size = data.DefaultSize
	}
	if o.Size < 8 || o.Size > 1024 {
		return o, fault.Field("Size", o.Size, "must be 8 to 1024 pixels for drawn pictures")
	}
	if n < 1 || n > maxPictures {
		return o, fmt.Errorf("drawn: cannot draw %d %s; draw 1 to %d", n, what, maxPictures)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Workers = min(o.Workers, n)
	return o, ram.Check(fmt.Sprintf("drawn: %d %s of %d×%d", n, what, o.Size, o.Size), n*o.Size*o.Size*3)
}

// dataset makes room for n pictures.
func (o Options) dataset(n int, classes ...string) *data.Dataset {
	return &data.Dataset{
		Size: o.Size, Classes: classes, Labels: make([]int, n), Names: make([]string, n), Pixels: make([]uint8, n*o.Size*o.Size*3),
		Report: data.Report{Classes: classes},
	}
}

// each calls draw for each of n pictures with an empty canvas, on all workers.
func (o Options) each(n int, draw func(c *canvas, i int)) {
	var wg sync.WaitGroup
	for w := range o.Workers {
		wg.Go(func() {
			c := newCanvas(o.Size)
			for i := w; i < n; i += o.Workers {
				c.reset()
				draw(c, i)
			}
		})
	}
	wg.Wait()
}

// purpose is that of this package's random streams; see [data.NewPhilox].
const purpose = 0x6472

// New draws n pictures of a seed. Even pictures are cats (class 0), odd ones dogs (class 1).
func New(seed uint64, n int, o Options) (*data.Dataset, error) {
	o, err := o.resolve("pictures", n)
	if err != nil {
		return nil, err
	}
	d := o.dataset(n, "cat", "dog")
	d.Report.Source = fmt.Sprintf("drawn: seed %d (%d×%d)", seed, o.Size, o.Size)
	d.Report.Counts = []int{(n + 1) / 2, n / 2}
	o.each(n, func(c *canvas, i int) {
		d.Labels[i] = i % 2
		d.Names[i] = fmt.Sprintf("%s %d", d.Classes[i%2], i)
		picture(c, seed, i)
		c.write(d.Image(i))
	})
	return d, nil
}

// picture draws picture i.
func picture(c *canvas, seed uint64, i int) {
	r := dice{rand.New(data.NewPhilox(seed, purpose, uint64(i)))}
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

// in returns a uniform number of [from, to).
func (d dice) in(from, to float64) float64 { return from + (to-from)*d.Float64() }

// chance returns true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }
