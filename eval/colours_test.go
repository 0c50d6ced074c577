package eval

import (
	"context"
	"image"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/sample"
)

const paintedSize = 32 // pixels

// painter is a generator that draws the bird of a caption after change has changed it.
func painter(t *testing.T, change func(drawn.Bird) drawn.Bird) *sample.Generator {
	t.Helper()
	birds := map[string]drawn.Bird{}
	for _, all := range [][]drawn.Bird{drawn.Seen(), drawn.Unseen()} {
		for _, b := range all {
			for _, caption := range b.Captions() {
				birds[caption] = b
			}
		}
	}
	g := &sample.Generator{Model: "painter", Size: paintedSize, Channels: 3, Data: data.Description{Path: "birds:5:60"}}
	g.Draw = func(_ context.Context, requests []sample.Request, o sample.DrawOptions) ([]*image.NRGBA, error) {
		asked := make([]drawn.Bird, len(requests))
		for i, r := range requests {
			b, known := birds[r.Prompt]
			if !known {
				t.Errorf("%q is no caption of a drawn bird", r.Prompt)
			}
			asked[i] = change(b)
		}
		d, err := drawn.DrawBirds(o.Seed, asked, drawn.Options{Size: paintedSize})
		if err != nil {
			return nil, err
		}
		return sample.Split(d.Pixels, d.Size, 3), nil
	}
	return g
}

// TestColours measures generators whose birds have the colours of the captions, those of others, and no colours.
func TestColours(t *testing.T) {
	heldOut, err := drawn.NewBirds(5, 30, drawn.Options{Size: paintedSize})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReference(t.Context(), heldOut.Dataset, nil, QualityOptions{Samples: 60, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	measure := func(g *sample.Generator) *Quality {
		t.Helper()
		q, err := r.Measure(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	good := painter(t, func(b drawn.Bird) drawn.Bird { return b })
	good.Reconstruct = func(_ context.Context, pixels []uint8) ([]*image.NRGBA, error) {
		return sample.Split(make([]uint8, len(pixels)), paintedSize, 3), nil // black
	}
	q := measure(good)
	c := q.Colours
	if c == nil || c.Pictures != 60 {
		t.Fatalf("%+v", c)
	}
	for name, p := range map[string]PartColours{"unseen": c.Unseen, "seen": c.Seen} {
		if p.Wing.Value < 0.95 || p.Belly.Value < 0.95 || p.Bill.Value < 0.9 {
			t.Errorf("%s: of right pictures, %v wings, %v bellies and %v bills", name, p.Wing, p.Belly, p.Bill)
		}
	}
	if s := c.Shuffled; s.Wing.Value > 0.4 || s.Belly.Value > 0.4 || s.Bill.Value > 0.6 {
		t.Errorf("captions of others: %v, %v, %v", s.Wing, s.Belly, s.Bill)
	}
	if floor := c.Unseen.Wing.Floor; floor == nil || floor.Value > 0.4 || c.Seen.Wing.Floor != nil {
		t.Errorf("%v wings of black reconstructions", floor)
	}

	swapped := measure(painter(t, func(b drawn.Bird) drawn.Bird { b.Wing, b.Belly = b.Belly, b.Wing; return b }))
	if p := swapped.Colours.Unseen; p.Wing.Value > 0.05 || p.Belly.Value > 0.05 || p.Wing.Floor != nil {
		t.Errorf("wings and bellies exchanged: %v and %v", p.Wing, p.Belly)
	}
	q.SetBeside(swapped)
	if b := c.Seen.Belly.Beside; b == nil || *b != swapped.Colours.Seen.Belly.Estimate {
		t.Errorf("beside: %v", b)
	}

	other := painter(t, func(b drawn.Bird) drawn.Bird { return b })
	other.Data.Path = "photos"
	if q := measure(other); q.Colours != nil {
		t.Errorf("a generator of photos has %+v", q.Colours)
	}
}

// TestCycledBirds checks that few birds have different wings and many all combinations.
func TestCycledBirds(t *testing.T) {
	all := drawn.Unseen()
	wings, birds := map[drawn.Colour]bool{}, map[drawn.Bird]int{}
	for _, b := range cycled(all, 7) {
		wings[b.Wing] = true
	}
	for _, b := range cycled(all, 2*len(all)) {
		birds[b]++
	}
	if len(wings) < 6 || len(birds) != len(all) || birds[all[0]] != 2 {
		t.Errorf("%d wings, %d combinations", len(wings), len(birds))
	}
}
