package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/philox"
)

// Estimate is a figure with its 95 % confidence interval by bootstrap (Efron, 1979): the figure is computed again for sets
// of as many pictures, drawn with replacement, and 2.5 % of the results lie below Low and above High.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// String writes an estimate with its interval: "0.912 [0.874, 0.941]".
func (e Estimate) String() string { return fmt.Sprintf("%.4g [%.4g, %.4g]", e.Value, e.Low, e.High) }

// resampleSeed is the seed of all bootstraps: the interval of a figure is always the same.
const resampleSeed = 0x626f6f7473747261

// resamples is the number of resampled sets for averages.
const resamples = 1000

// resample fills index with numbers of [0, n), uniformly drawn: set number round of a stream.
func resample(index []int, n int, stream, round uint32) {
	for i := 0; i < len(index); i += 2 {
		w := philox.Words(resampleSeed, [4]uint32{uint32(i), round, stream})
		for k := range min(2, len(index)-i) {
			choice, _ := bits.Mul64(uint64(w[2*k])<<32|uint64(w[2*k+1]), uint64(n))
			index[i+k] = int(choice)
		}
	}
}

// EstimateMean returns the mean of values of single pictures with its interval; NaN without values.
func EstimateMean(values []float64) Estimate {
	if len(values) == 0 {
		return Estimate{math.NaN(), math.NaN(), math.NaN()}
	}
	e, _ := estimate(average(values, nil), resamples, false, func(round int) (float64, error) {
		index := make([]int, len(values))
		resample(index, len(values), 0, uint32(round))
		return average(values, index), nil
	})
	return e
}

// EstimateShare is EstimateMean of values that are 0 or 1. If all are equal, no resampled set differs; the interval is then
// that of Clopper and Pearson (1934): of n zeros, from 0 to 1 − 0.025^(1/n).
func EstimateShare(values []float64) Estimate {
	e := EstimateMean(values)
	bound := math.Pow(0.025, 1/float64(len(values)))
	switch e.Value {
	case 0:
		e.High = 1 - bound
	case 1:
		e.Low = bound
	}
	return e
}

// frechetRounds is the number of resampled sets for Fréchet distances.
const frechetRounds = 200

// EstimateFrechet returns the Fréchet distance of two sets with its interval; both sets are drawn again. A set that is
// drawn with replacement has fewer different pictures, which raises the distance. The interval is therefore moved down by
// the difference between the mean of the resampled distances and the distance itself. rounds is the number of resampled
// sets, 0 for 200. With more than 256 features, the distances of resampled sets are computed by their derivatives by the
// pictures' weights, as each would take minutes.
func EstimateFrechet(ctx context.Context, real, fake Features, rounds int) (Estimate, error) {
	if err := checkPair(real, fake, 2); err != nil {
		return Estimate{}, err
	}
	rounds = cmp.Or(rounds, frechetRounds)
	realIndex, fakeIndex := make([]int, real.Len()), make([]int, fake.Len())
	again := func(int) (float64, error) { return frechet(ctx, real, fake, realIndex, fakeIndex) }
	var value float64
	var err error
	if real.Dim > maxResampledDim {
		var byReal, byFake []float64
		value, byReal, byFake, err = linearFrechet(ctx, real, fake)
		again = func(int) (float64, error) {
			return resampledLinear(value, byReal, byFake, realIndex, fakeIndex), nil
		}
	} else {
		value, err = frechet(ctx, real, fake, nil, nil)
	}
	if err != nil {
		return Estimate{}, err
	}
	return estimate(value, rounds, true, func(round int) (float64, error) {
		resample(realIndex, real.Len(), 1, uint32(round))
		resample(fakeIndex, fake.Len(), 2, uint32(round))
		return again(round)
	})
}

// estimate returns a value with the interval of its resampled values, moved so that their mean is the value if the
// resampling is biased.
func estimate(value float64, rounds int, biased bool, again func(round int) (float64, error)) (Estimate, error) {
	all, mean := make([]float64, rounds), 0.0
	for round := range all {
		v, err := again(round)
		if err != nil {
			return Estimate{}, err
		}
		all[round] = v
		mean += v / float64(rounds)
	}
	slices.Sort(all)
	e := Estimate{value, percentile(all, 0.025), percentile(all, 0.975)}
	if biased {
		e.Low, e.High = max(0, e.Low+value-mean), e.High+value-mean
	}
	return e, nil
}

// percentile returns the value below which a share of sorted values lies, interpolated as numpy.percentile does.
func percentile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	below := int(at)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[below] + (at-float64(below))*(sorted[below+1]-sorted[below])
}
