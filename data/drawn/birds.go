package drawn

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/ram"
	"github.com/bestiary-ml/bestiary/internal/usage"
)

// Bird is what captions say of a bird: the colour of its wings (the tail has it too), of its belly (and breast and head), and of its bill.
// Wings and bill differ in colour from the belly that they lie on.
type Bird struct{ Wing, Belly, Bill Colour }

// Birds are pictures of birds with their captions, Variants for each, and what they show.
type Birds struct {
	*data.Dataset
	Birds []Bird // [N]
}

// Seen are the combinations that NewBirds draws, in a fixed order: 35 pairs of wing and belly, with three or four bills each.
func Seen() []Bird { return combinations(false) }

// Unseen are combinations that NewBirds never draws, left to ask a model for, in a fixed order: seven pairs of wing and belly, with three or
// four bills each. No picture has such a pair, whatever its bill, though each of the two colours occurs with five others.
func Unseen() []Bird { return combinations(true) }

func combinations(unseen bool) (all []Bird) {
	for w, wing := range plumages {
		for b, belly := range plumages {
			heldOut := (w+3)%len(plumages) == b // each wing once and each belly once
			for _, bill := range bills {
				if wing != belly && bill != belly && heldOut == unseen {
					all = append(all, Bird{wing, belly, bill})
				}
			}
		}
	}
	return all
}

// Random streams of birds: which combination, and everything else of the drawing.
const (
	purposeBird    = 0x6269
	purposeDrawing = 0x6264
)

// NewBirds draws n birds of a seed, in combinations from Seen, each as likely as any other. Bird i depends on the seed and i alone.
func NewBirds(seed uint64, n int, o Options) (*Birds, error) {
	seen := Seen()
	birds := make([]Bird, max(n, 0))
	for i := range birds {
		birds[i] = seen[rand.New(data.NewPhilox(seed, purposeBird, uint64(i))).IntN(len(seen))]
	}
	return DrawBirds(seed, birds, o)
}

// DrawBirds draws the birds asked for, unseen combinations included. Poses and backgrounds are those of NewBirds with that seed.
func DrawBirds(seed uint64, birds []Bird, o Options) (*Birds, error) {
	if o.Size == 0 {
		o.Size = data.DefaultSize
	}
	if o.Size < 8 || o.Size > 1024 {
		return nil, usage.Errorf("drawn: image size %d is out of range; choose 8 to 1024", o.Size)
	}
	n := len(birds)
	if n < 1 {
		return nil, fmt.Errorf("drawn: cannot draw %d birds; choose 1 or more", n)
	}
	for i, b := range birds {
		for _, c := range []Colour{b.Wing, b.Belly, b.Bill} {
			if c < 0 || int(c) >= colours {
				return nil, fmt.Errorf("drawn: bird %d: %v is not a colour of the palette; choose one of its %d", i, c, colours)
			}
		}
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if err := ram.Check(fmt.Sprintf("drawn: %d birds of %d×%d", n, o.Size, o.Size), n*o.Size*o.Size*3); err != nil {
		return nil, err
	}
	classes := []string{"bird"}
	d := &Birds{
		Dataset: &data.Dataset{
			Size: o.Size, Classes: classes,
			Labels: make([]int, n), Names: make([]string, n), Pixels: make([]uint8, n*o.Size*o.Size*3),
			Report: data.Report{
				Source:  fmt.Sprintf("birds: seed %d (%d×%d)", seed, o.Size, o.Size),
				Classes: classes, Counts: []int{n}, Captions: data.CaptionReport{Total: n * Variants},
			},
			Captions: make([][]string, n),
		},
		Birds: slices.Clone(birds),
	}
	var wg sync.WaitGroup
	for w := range o.Workers {
		wg.Go(func() {
			c := newCanvas(o.Size)
			for i := w; i < n; i += o.Workers {
				d.Names[i] = fmt.Sprintf("bird %d", i)
				d.Captions[i] = birds[i].Captions()
				drawBird(c, birds[i], dice{rand.New(data.NewPhilox(seed, purposeDrawing, uint64(i)))})
				c.write(d.Image(i))
			}
		})
	}
	wg.Wait()
	return d, nil
}
