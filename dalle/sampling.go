package dalle

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Sampling says how tokens are drawn from what the model answers.
type Sampling struct {
	Temperature float64 // divides the logits: below 1 is bolder towards the likely; 0 always takes the likeliest
	TopK        int     // only among the k likeliest; 0: all
	TopP        float64 // only among the likeliest that make up this share of the probability; 0 or 1: all
	Guidance    float64 // of pictures: how much further to go from the answer without a caption to the one with it; 1: not
}

// DefaultSampling is plain sampling from the model's distribution.
func DefaultSampling() Sampling { return Sampling{Temperature: 1, Guidance: 1} }

// Validate tells in one sentence what is impossible about s. It begins with the name of the flag that sets it.
func (s Sampling) Validate() error {
	if !(s.Temperature >= 0 && s.Temperature <= 1e6) {
		return fmt.Errorf("temperature %v is not possible; use a number from 0", s.Temperature)
	}
	if s.TopK < 0 {
		return fmt.Errorf("top-k %d is not possible; use a positive number, or 0 for all", s.TopK)
	}
	if !(s.TopP >= 0 && s.TopP <= 1) {
		return fmt.Errorf("top-p %v is not possible; use a share from 0 to 1", s.TopP)
	}
	if !(math.Abs(s.Guidance) <= 1e6) {
		return fmt.Errorf("guidance %v is not possible; use a number such as 3, or 1 for none", s.Guidance)
	}
	return nil
}

// guided goes from the answer without a caption towards the one with it, and beyond (Ho & Salimans, 2021). The result
// is left in logits.
func (s Sampling) guided(logits, null []float32) {
	if s.Guidance == 1 {
		return
	}
	for i, n := range null {
		logits[i] = n + (logits[i]-n)*float32(s.Guidance)
	}
}

// What there may be to say instead of drawing.
func answersError(logit float64) error {
	return fmt.Errorf("the model answers %v; it has not been trained well, use an earlier checkpoint", logit)
}

var errNothingLeft = errors.New("the model leaves no token to draw; it has not been trained well, use an earlier checkpoint")

// sampler draws tokens; it keeps its scratch memory.
type sampler struct {
	Sampling
	weights []float64 // of the tokens to draw from, 0 of others
	ranks   []rank    // of all tokens, and in the order that drawing the likeliest leaves
	sorted  []rank
}

// draw draws one of the tokens from logits, where −∞ stands for one that may not be drawn.
func (s *sampler) draw(logits []float32, random *tensor.Generator) (int32, error) {
	best, highest := -1, float32(math.Inf(-1))
	for i, l := range logits {
		if l != l || l > math.MaxFloat32 {
			return 0, answersError(float64(l))
		}
		if l > highest {
			best, highest = i, l
		}
	}
	if best < 0 {
		return 0, errNothingLeft
	}
	if s.Temperature == 0 {
		return int32(best), nil
	}
	u := uniform(random)
	if s.TopK > 0 && s.TopK < len(logits) || s.TopP > 0 && s.TopP < 1 {
		return s.drawLikeliest(logits, float64(highest), u), nil
	}
	s.weights = s.weights[:0]
	for _, l := range logits {
		s.weights = append(s.weights, s.weight(l, float64(highest)))
	}
	return int32(pick(s.weights, u)), nil
}

// weight is e^logit at the temperature, the highest logit having 1.
func (s *sampler) weight(logit float32, highest float64) float64 {
	return math.Exp((float64(logit) - highest) / s.Temperature)
}

// pick returns the place to which u, uniform in [0, 1), comes on a line of stretches of such lengths.
func pick(weights []float64, u float64) (last int) {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	u *= total
	for i, w := range weights {
		if w == 0 {
			continue
		}
		if last, u = i, u-w; u < 0 {
			break
		}
	}
	return last
}

// drawLikeliest draws with u, uniform in [0, 1), among the TopK likeliest, and of these among the likeliest that make up
// the share TopP. They are walked in the order of the vocabulary, so that the draw hardly depends on rounding.
func (s *sampler) drawLikeliest(logits []float32, highest, u float64) int32 {
	s.ranks, s.weights = s.ranks[:0], s.weights[:0]
	for i, l := range logits {
		s.ranks = append(s.ranks, rankOf(l, i))
	}
	s.sorted = append(s.sorted[:0], s.ranks...)
	least := s.leastLikely(logits, highest)
	for i, l := range logits {
		w := 0.0
		if s.ranks[i] >= least {
			w = s.weight(l, highest)
		}
		s.weights = append(s.weights, w)
	}
	return int32(pick(s.weights, u))
}

// rank orders tokens by their logits; among equals the lower token is the likelier one.
type rank uint64

func rankOf(logit float32, token int) rank {
	bits := math.Float32bits(logit + 0) // −0 is 0
	if bits>>31 == 0 {
		bits |= 1 << 31
	} else {
		bits = ^bits
	}
	return rank(bits)<<32 | rank(^uint32(token))
}

func (r rank) token() int { return int(^uint32(r)) }

// leastLikely is the rank of the least likely of the tokens that TopK and TopP leave.
func (s *sampler) leastLikely(logits []float32, highest float64) rank {
	ranks := s.sorted
	if s.TopK > 0 && s.TopK < len(ranks) {
		partition(ranks, s.TopK)
		ranks = ranks[:s.TopK]
	}
	if s.TopP == 0 || s.TopP == 1 {
		return slices.Min(ranks)
	}
	weight := func(r rank) float64 { return s.weight(logits[r.token()], highest) }
	total := 0.0
	for _, r := range ranks {
		total += weight(r)
	}
	for i := len(ranks)/2 - 1; i >= 0; i-- { // a heap brings them up one by one, so the rest is never sorted
		sift(ranks, i)
	}
	for sum := weight(ranks[0]); sum < s.TopP*total && len(ranks) > 1; sum += weight(ranks[0]) {
		ranks[0] = ranks[len(ranks)-1]
		ranks = ranks[:len(ranks)-1]
		sift(ranks, 0)
	}
	return ranks[0]
}

// partition moves the k highest ranks to the front (Hoare's quickselect).
func partition(ranks []rank, k int) {
	for len(ranks) > 1 {
		pivot := ranks[len(ranks)/2]
		i, j := 0, len(ranks)-1
		for i <= j {
			for ranks[i] > pivot {
				i++
			}
			for pivot > ranks[j] {
				j--
			}
			if i <= j {
				ranks[i], ranks[j] = ranks[j], ranks[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			ranks = ranks[:j+1]
		case k > i:
			ranks, k = ranks[i:], k-i
		default:
			return
		}
	}
}

// sift lets the rank at place i of a heap sink below all that are higher.
func sift(heap []rank, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1] > heap[child] {
			child++
		}
		if heap[child] <= heap[i] {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
