package drawn

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
)

// Bird is what the captions say of a bird: the colours of its wings (and tail), of its belly (and breast and head), and of
// its bill. Wings and bill never have the belly's colour.
type Bird struct{ Wing, Belly, Bill Colour }

// Birds are pictures of birds with [Variants] captions each.
type Birds struct {
	*data.Dataset
	Birds []Bird // [N]
}

// Seen returns the combinations of colours that NewBirds draws, in a fixed order: 35 pairs of wing and belly, with three or
// four bills each.
func Seen() []Bird { return combinations(false) }

// Unseen returns combinations that NewBirds never draws, in a fixed order: seven pairs of wing and belly, with three or four
// bills each. They are prompts for a trained model. NewBirds draws none of these pairs, but each of the two colours with
// five others.
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

// Purposes of random streams; see [data.NewPhilox].
const (
	purposeBird    = 0x6269 // the combination of colours
	purposeDrawing = 0x6264 // the drawing
)

// NewBirds draws n birds of a seed, in combinations drawn uniformly from Seen. Bird i depends on the seed and i alone.
func NewBirds(seed uint64, n int, o Options) (*Birds, error) {
	if _, err := o.resolve("birds", n); err != nil {
		return nil, err
	}
	seen := Seen()
	birds := make([]Bird, n)
	for i := range birds {
		birds[i] = seen[rand.New(data.NewPhilox(seed, purposeBird, uint64(i))).IntN(len(seen))]
	}
	return DrawBirds(seed, birds, o)
}

// DrawBirds draws the given birds, which may be unseen combinations. Poses and backgrounds are those of NewBirds with that
// seed.
func DrawBirds(seed uint64, birds []Bird, o Options) (*Birds, error) {
	n := len(birds)
	o, err := o.resolve("birds", n)
	if err != nil {
		return nil, err
	}
	for i, b := range birds {
		for _, c := range []Colour{b.Wing, b.Belly, b.Bill} {
			if c < 0 || int(c) >= colours {
				return nil, fmt.Errorf("drawn: bird %d: %v is not a colour of the palette; choose one of its %d", i, c, colours)
			}
		}
	}
	d := &Birds{Dataset: o.dataset(n, "bird"), Birds: slices.Clone(birds)}
	d.Report.Source = fmt.Sprintf("birds: seed %d (%d×%d)", seed, o.Size, o.Size)
	d.Report.Counts, d.Report.Captions.Total = []int{n}, n*Variants
	d.Captions = make([][]string, n)
	o.each(n, func(c *canvas, i int) {
		d.Names[i] = fmt.Sprintf("bird %d", i)
		d.Captions[i] = birds[i].Captions()
		drawBird(c, birds[i], dice{rand.New(data.NewPhilox(seed, purposeDrawing, uint64(i)))})
		c.write(d.Image(i))
	})
	return d, nil
}
