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
	Copies           Estimate  `json:"copies"`          // share of samples that are copies
	HeldOut          Estimate  `json:"copies_held_out"` // the same for held-out photos: about CopyPercentile
	Threshold        float64   `json:"threshold"`       // distance
	MedianSample     float64   `json:"median_sample"`   // distance of a sample to its nearest training picture
	MedianHeldOut    float64   `json:"median_held_out"` // distance of a held-out photo to its nearest training picture
	Training         int       `json:"training"`        // training pictures, with their mirror images
	Nearest          []int     `json:"-"`               // [samples], row of the nearest training picture
	Distances        []float64 `json:"-"`               // [samples], to it
	HeldOutNearest   []int     `json:"-"`               // [held-out], likewise
	HeldOutDistances []float64 `json:"-"`               // [held-out]
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
	if t.Nearest, t.Distances, err = nearestRows(ctx, samples, training); err != nil {
		return nil, err
	}
	if t.HeldOutNearest, t.HeldOutDistances, err = nearestRows(ctx, heldOut, training); err != nil {
		return nil, err
	}
	sorted := slices.Sorted(slices.Values(t.HeldOutDistances))
	t.Threshold = percentile(sorted, CopyPercentile)
	t.MedianHeldOut = percentile(sorted, 0.5)
	t.MedianSample = percentile(slices.Sorted(slices.Values(t.Distances)), 0.5)
	t.Copies, t.HeldOut = EstimateMean(below(t.Distances, t.Threshold)), EstimateMean(below(t.HeldOutDistances, t.Threshold))
	return t, nil
}

// below returns 1 for each value below the threshold, and 0 for others.
func below(values []float64, threshold float64) []float64 {
	all := make([]float64, len(values))
	for i, v := range values {
		if v < threshold {
			all[i] = 1
		}
	}
	return all
}

// nearestRows returns, for each row of queries, the nearest row of base and its distance.
func nearestRows(ctx context.Context, queries, base Features) (rows []int, distances []float64, err error) {
	rows, distances = make([]int, queries.Len()), make([]float64, queries.Len())
	err = eachRow(ctx, queries.Len(), func(i int) {
		best, query := math.Inf(1), queries.Row(i)
		for j := range base.Len() {
			if d := squaredDistance(query, base.Row(j)); d < best {
				best, rows[i] = d, j
			}
		}
		distances[i] = math.Sqrt(best)
	})
	return rows, distances, err
}
