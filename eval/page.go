package eval

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
)

// pairsShown is the number of closest pairs of each kind on a page.
const pairsShown = 8

// CopyPage draws the samples that are closest to a training picture, each above that picture, in features and in pixels,
// and below them the held-out photos that are closest to one. The captions are distances in units of the threshold of a
// copy: below 1 is a copy.
func (r *Reference) CopyPage(q *Quality) (*image.NRGBA, error) {
	var sections []layout.Section
	photos := sample.Split(r.heldOut.Pixels, r.heldOut.Size, max(r.heldOut.Channels, 3))
	for _, t := range []struct {
		test *CopyTest
		what string
	}{{q.CopiesFeatures, "features"}, {q.CopiesPixels, "pixels"}} {
		if t.test == nil {
			continue
		}
		for _, set := range []struct {
			title   string
			images  []*image.NRGBA
			nearest []Neighbour
		}{{"samples closest in " + t.what, q.images, t.test.Samples}, {"held-out photos closest in " + t.what, photos, t.test.HeldOut}} {
			sections = append(sections, r.pairs(set.title, set.images, set.nearest, t.test.Threshold)...)
		}
	}
	if len(sections) == 0 {
		return nil, fault.Field("Training", nil, "is missing: without training pictures there is nothing to compare samples with; measure on the split that is held out from the training")
	}
	return layout.Grid(layout.Options{Title: fmt.Sprintf("%s: closest pairs (1 = nearer than all but %.0f %% of held-out photos)", q.Model, 100*CopyPercentile), Columns: pairsShown}, sections...)
}

// NearestPage draws pictures of a generator, each above the training picture that is nearest to it in pixels, the closest
// first. It shows whether a generator has learned few pictures by heart, when there are no held-out photos for
// [Reference.CopyPage]. The captions are distances of pixels in [0, 1]. It uses the options Samples, Seed, Sampling, Solving
// and Progress. Wrong options and a training set without pictures are a [*fault.FieldError].
func NearestPage(ctx context.Context, g *sample.Generator, training *data.Dataset, o QualityOptions) (page *image.NRGBA, err error) {
	defer fault.Catch(&err)
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if training == nil || training.Len() == 0 {
		return nil, fault.Field("Training", nil, "has no pictures; give those that the generator was trained on")
	}
	r := &Reference{options: o, heldOut: training, training: training} // the classes or captions of the training pictures are drawn
	n := cmp.Or(o.Samples, 2*pairsShown)
	for i := range n {
		r.chosen = append(r.chosen, i*training.Len()/n)
	}
	requests, err := r.requests(g)
	if err != nil {
		return nil, err
	}
	images, err := g.Draw(ctx, requests, sample.DrawOptions{Seed: o.Seed, Sampling: o.Sampling, Solving: o.Solving, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	nearest, err := nearestRows(ctx, pixelFeatures(datasetOf(g, images)), both(pixelFeatures(training), pixelFeatures(mirrored(training))))
	if err != nil {
		return nil, err
	}
	title := g.Model + ": the training pictures nearest to samples, and their distances in pixels"
	return layout.Grid(layout.Options{Title: title, Columns: pairsShown}, r.pairs("samples closest in pixels", images, nearest, 1)...)
}

// pairs returns the pictures with the nearest neighbours, above these neighbours.
func (r *Reference) pairs(title string, images []*image.NRGBA, nearest []Neighbour, threshold float64) []layout.Section {
	order := counting(len(nearest))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(nearest[a].Distance, nearest[b].Distance) })
	above, below := layout.Section{Title: title}, layout.Section{Title: "nearest training picture"}
	training, mirror := r.training, mirrored(r.training)
	for _, i := range order[:min(pairsShown, len(order))] {
		row, from := nearest[i].Row, training
		if row >= training.Len() {
			row, from = row-training.Len(), mirror
		}
		above.Images = append(above.Images, images[i])
		below.Images = append(below.Images, sample.Split(from.Image(row), from.Size, max(from.Channels, 3))...)
		distance := "0"
		if nearest[i].Distance > 0 {
			distance = fmt.Sprintf("%.2f", nearest[i].Distance/threshold)
		}
		below.Captions = append(below.Captions, distance)
	}
	return layout.Interleave(pairsShown, above, below)
}
