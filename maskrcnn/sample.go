package maskrcnn

import (
	"math/rand/v2"
	"slices"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

// sampler chooses anchors or proposals for a loss: most are background.
type sampler struct {
	sampled  int     // of a picture
	positive float64 // largest share with an object
}

// choose returns some of the indices with an object and some of background, in rising order. matches are what [detect.Matcher.Match]
// returns.
func (s sampler) choose(matches []int, r *rand.Rand) (chosen []int) {
	var objects, background []int
	for i, m := range matches {
		switch {
		case m >= 0:
			objects = append(objects, i)
		case m == detect.Background:
			background = append(background, i)
		}
	}
	n := min(len(objects), int(float64(s.sampled)*s.positive))
	pick := func(from []int, n int) {
		if n < len(from) {
			r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
		}
		chosen = append(chosen, from[:min(n, len(from))]...)
	}
	pick(objects, n)
	pick(background, s.sampled-n)
	slices.Sort(chosen)
	return chosen
}

// shuffles returns a source of randomness for each of n pictures. How much a picture draws depends on its objects, so each has a
// source of its own: then the choice for a picture doesn't depend on those of others.
func shuffles(random *tensor.Generator, n int) []*rand.Rand {
	all := make([]*rand.Rand, n)
	engine.Rows(random, n, func(i int) {
		if seed := uint64(random.Intn(1<<31))<<31 | uint64(random.Intn(1<<31)); i >= 0 {
			all[i] = rand.New(rand.NewPCG(seed, 0))
		}
	})
	return all
}
