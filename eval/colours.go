package eval

import (
	"cmp"
	"context"
	"image"
	"math"

	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/sample"
)

// Colours says how many pictures of drawn birds have the colours that their captions name. What measures them knows the
// outlines of the birds and the palette, but no captions. Only generators that were trained on drawn birds have it.
type Colours struct {
	Pictures int         `json:"pictures"`        // of each kind
	Unseen   PartColours `json:"unseen"`          // for captions with pairs of wing and belly colours that no training picture has
	Shuffled PartColours `json:"unseen_shuffled"` // the same pictures, compared with the captions of others: chance
	Seen     PartColours `json:"seen"`            // for captions with pairs that training pictures have
}

// PartColours are the shares of pictures in which a part has the right colour. The floor of Colours.Unseen is that of
// drawings of the same birds that the generator's autoencoder has reconstructed; others have none.
type PartColours struct {
	Wing  *Compared `json:"wing"`
	Belly *Compared `json:"belly"`
	Bill  *Compared `json:"bill"`
}

// colourSamples is the number of pictures of each kind unless the options have another one: six for each unseen combination.
const colourSamples = 150

// colours draws birds and measures their colours.
func (r *Reference) colours(ctx context.Context, g *sample.Generator) (*Colours, error) {
	n := max(cmp.Or(r.options.Samples, colourSamples), 2) // one caption can't be exchanged for another's
	unseen, seen := cycled(drawn.Unseen(), n), cycled(drawn.Seen(), n)
	c := &Colours{Pictures: n}
	images, err := r.drawBirds(ctx, g, unseen)
	if err != nil {
		return nil, err
	}
	asked, shuffled, err := drawn.Agree(unseen, sample.ToRGB(images...), g.Size)
	if err != nil {
		return nil, err
	}
	c.Unseen, c.Shuffled = partColours(asked, n), partColours(shuffled, n)
	if images, err = r.drawBirds(ctx, g, seen); err != nil {
		return nil, err
	}
	if asked, _, err = drawn.Agree(seen, sample.ToRGB(images...), g.Size); err != nil {
		return nil, err
	}
	c.Seen = partColours(asked, n)
	if g.Reconstruct == nil {
		return c, nil
	}
	drawing, err := drawn.DrawBirds(r.options.Seed, unseen, drawn.Options{Size: g.Size})
	if err != nil {
		return nil, err
	}
	if images, err = g.Reconstruct(ctx, drawing.Pixels); err != nil {
		return nil, err
	}
	if asked, _, err = drawn.Agree(unseen, sample.ToRGB(images...), g.Size); err != nil {
		return nil, err
	}
	floor := partColours(asked, n)
	c.Unseen.Wing.Floor, c.Unseen.Belly.Floor, c.Unseen.Bill.Floor = &floor.Wing.Estimate, &floor.Belly.Estimate, &floor.Bill.Estimate
	return c, nil
}

// cycled returns n birds: all again and again or, of fewer, some of all wings.
func cycled(all []drawn.Bird, n int) []drawn.Bird {
	birds := make([]drawn.Bird, n)
	for i := range birds {
		if birds[i] = all[i%len(all)]; n < len(all) {
			birds[i] = all[i*len(all)/n]
		}
	}
	return birds
}

// drawBirds draws a picture for a caption of each bird.
func (r *Reference) drawBirds(ctx context.Context, g *sample.Generator, birds []drawn.Bird) ([]*image.NRGBA, error) {
	requests := make([]sample.Request, len(birds))
	for i, b := range birds {
		requests[i].Prompt = b.Caption(i)
	}
	return g.Draw(ctx, requests, sample.DrawOptions{Seed: r.options.Seed, Sampling: r.options.Sampling, Solving: r.options.Solving, Progress: r.options.Progress})
}

// partColours returns the shares of n pictures with their intervals.
func partColours(a drawn.Agreement, n int) PartColours {
	share := func(of float64) *Compared {
		right := make([]float64, n)
		for i := range int(math.Round(of * float64(n))) {
			right[i] = 1
		}
		return &Compared{Estimate: EstimateShare(right)}
	}
	return PartColours{share(a.Wing), share(a.Belly), share(a.Bill)}
}

// figures names the shares.
func (p *PartColours) figures(of string) []figure {
	return []figure{{"wing colour, " + of, &p.Wing}, {"belly colour, " + of, &p.Belly}, {"bill colour, " + of, &p.Bill}}
}
