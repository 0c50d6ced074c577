package dalle

import (
	"fmt"
	"math"

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

// sampler draws tokens; it keeps its scratch memory.
type sampler struct {
	Sampling
	weights []float64 // e^logit of each token, the likeliest having 1
	tokens  []int32   // all, in the order that drawing the likeliest leaves
}

// draw draws one of the tokens from logits, where −∞ stands for one that may not be drawn.
func (s *sampler) draw(logits []float32, random *tensor.Generator) (int32, error) {
	best, highest := -1, float32(math.Inf(-1))
	for i, l := range logits {
		if l != l || l > math.MaxFloat32 {
			return 0, fmt.Errorf("the model answers %v; it has not been trained well, use an earlier checkpoint", l)
		}
		if l > highest {
			best, highest = i, l
		}
	}
	if best < 0 {
		return 0, fmt.Errorf("the model leaves no token to draw; it has not been trained well, use an earlier checkpoint")
	}
	if s.Temperature == 0 {
		return int32(best), nil
	}
	total := s.weigh(logits, float64(highest))
	u := uniform(random)
	if s.TopK > 0 && s.TopK < len(logits) || s.TopP > 0 && s.TopP < 1 {
		return s.drawLikeliest(u), nil
	}
	u *= total
	last := best
	for i, w := range s.weights {
		if w == 0 {
			continue
		}
		if last, u = i, u-w; u < 0 {
			break
		}
	}
	return int32(last), nil
}

// weigh sets the weights and returns their sum.
func (s *sampler) weigh(logits []float32, highest float64) (total float64) {
	if len(s.weights) != len(logits) {
		s.weights, s.tokens = make([]float64, len(logits)), make([]int32, len(logits))
	}
	for i, l := range logits {
		s.weights[i] = math.Exp((float64(l) - highest) / s.Temperature)
		total += s.weights[i]
	}
	return total
}

// drawLikeliest draws with u, uniform in [0, 1), among the TopK likeliest, and of these among the likeliest that make up
// the share TopP. They are walked in the order of the vocabulary, so that the draw hardly depends on rounding.
func (s *sampler) drawLikeliest(u float64) int32 {
	least := s.leastLikely()
	sum := 0.0
	for i, w := range s.weights {
		if !s.likelier(least, int32(i)) {
			sum += w
		}
	}
	u *= sum
	for i, w := range s.weights {
		if !s.likelier(least, int32(i)) && w > 0 {
			if u -= w; u < 0 {
				return int32(i)
			}
		}
	}
	return least
}

// leastLikely is the least likely of the tokens that TopK and TopP leave.
func (s *sampler) leastLikely() int32 {
	tokens := s.tokens
	for i := range tokens {
		tokens[i] = int32(i)
	}
	if s.TopK > 0 && s.TopK < len(tokens) {
		s.partition(tokens, s.TopK)
		tokens = tokens[:s.TopK]
	}
	if s.TopP == 0 || s.TopP == 1 {
		least := tokens[0]
		for _, t := range tokens {
			if s.likelier(least, t) {
				least = t
			}
		}
		return least
	}
	total := 0.0
	for _, t := range tokens {
		total += s.weights[t]
	}
	for i := len(tokens)/2 - 1; i >= 0; i-- { // a heap brings them up one by one, so the rest is never sorted
		s.sift(tokens, i)
	}
	for sum := s.weights[tokens[0]]; sum < s.TopP*total && len(tokens) > 1; sum += s.weights[tokens[0]] {
		tokens[0] = tokens[len(tokens)-1]
		tokens = tokens[:len(tokens)-1]
		s.sift(tokens, 0)
	}
	return tokens[0]
}

// partition moves the k likeliest tokens to the front (Hoare's quickselect).
func (s *sampler) partition(tokens []int32, k int) {
	for len(tokens) > 1 {
		pivot := tokens[len(tokens)/2]
		i, j := 0, len(tokens)-1
		for i <= j {
			for s.likelier(tokens[i], pivot) {
				i++
			}
			for s.likelier(pivot, tokens[j]) {
				j--
			}
			if i <= j {
				tokens[i], tokens[j] = tokens[j], tokens[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			tokens = tokens[:j+1]
		case k > i:
			tokens, k = tokens[i:], k-i
		default:
			return
		}
	}
}

// sift lets the token at place i of a heap sink below all that are likelier.
func (s *sampler) sift(heap []int32, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && s.likelier(heap[child+1], heap[child]) {
			child++
		}
		if !s.likelier(heap[child], heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// likelier ranks tokens; among equals the lower one comes first.
func (s *sampler) likelier(a, b int32) bool {
	return s.weights[a] > s.weights[b] || s.weights[a] == s.weights[b] && a < b
}
