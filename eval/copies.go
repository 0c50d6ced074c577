package eval

import (
	"context"
	"math"
	"slices"
)

// CopyTest compares how near samples and held-out photos come to their nearest training pictures. A sample counts as a
// copy if it is nearer to one than CopyPercentile of the held-out photos are, so that of new photos CopyPercentile would
// count as copies.
type CopyTest struct {
	Copies        Compared `json:"copies"`          // share of samples that are copies; the floor is that of held-out photos
	Threshold     float64  `json:"threshold"`       // distance below which a picture counts as a copy
	MedianSample  float64  `json:"median_sample"`   // distance of a sample to its nearest training picture
	MedianHeldOut float64  `json:"median_held_out"` // distance of a held-out photo to its nearest training picture
	Training      int      `json:"training"`        // rows that were searched: training pictures and their mirror images

	Samples, HeldOut []Neighbour `json:"-"` // the nearest training row of each sample and of each held-out row
}

// Neighbour is the training row that is nearest to a picture.
type Neighbour struct {
	Row      int
	Distance float64
}

// CopyPercentile is the share of held-out photos that define the threshold of a copy.
const CopyPercentile = 0.01

// MeasureCopies finds the nearest training row (Euclidean distance) of each sample and each held-out row. All have the
// same Dim and come from the same network, or are pixels.
func MeasureCopies(ctx context.Context, samples, heldOut, training Features) (*CopyTest, error) {
	if err := checkPair(training, samples, 1); err != nil {
		return nil, err
	}
	if err := checkPair(training, heldOut, 1); err != nil {
		return nil, err
	}
	t := &CopyTest{Training: training.Len()}
	var err error
	if t.Samples, err = nearestRows(ctx, samples, training); err != nil {
		return nil, err
	}
	if t.HeldOut, err = nearestRows(ctx, heldOut, training); err != nil {
		return nil, err
	}
	sorted := sortedDistances(t.HeldOut)
	t.Threshold = percentile(sorted, CopyPercentile)
	t.MedianHeldOut, t.MedianSample = percentile(sorted, 0.5), percentile(sortedDistances(t.Samples), 0.5)
	floor := EstimateShare(below(t.HeldOut, t.Threshold))
	t.Copies = Compared{Estimate: EstimateShare(below(t.Samples, t.Threshold)), Floor: &floor}
	return t, nil
}

func sortedDistances(all []Neighbour) []float64 {
	sorted := make([]float64, len(all))
	for i, n := range all {
		sorted[i] = n.Distance
	}
	slices.Sort(sorted)
	return sorted
}

// below returns 1 for each distance below the threshold, and 0 for others.
func below(all []Neighbour, threshold float64) []float64 {
	flags := make([]float64, len(all))
	for i, n := range all {
		if n.Distance < threshold {
			flags[i] = 1
		}
	}
	return flags
}

// nearestRows returns the nearest row of base for each row of queries.
func nearestRows(ctx context.Context, queries, base Features) ([]Neighbour, error) {
	all := make([]Neighbour, queries.Len())
	err := eachRow(ctx, queries.Len(), func(i int) {
		best, query := math.Inf(1), queries.Row(i)
		for j := range base.Len() {
			if d := squaredDistance(query, base.Row(j)); d < best {
				best, all[i].Row = d, j
			}
		}
		all[i].Distance = math.Sqrt(best)
	})
	return all, err
}
