package sampling

import (
	"math"
	"slices"
)

// sampleTop samples with u, uniform in [0, 1), among the TopK most probable tokens, and of these among the most probable
// ones that make up the probability TopP. Weights stay in the order of the vocabulary, so that rounding hardly changes
// the result.
func (s *Sampler) sampleTop(logits []float32, highest, u float64) int32 {
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
	return int32(inverseCDF(s.weights, u))
}

// rank orders tokens by their logits. Of tokens with equal logits, the lower token has the higher rank.
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

// leastLikely is the lowest rank among the tokens that TopK and TopP leave.
func (s *Sampler) leastLikely(logits []float32, highest float64) rank {
	o, ranks := s.options, s.sorted
	if o.TopK > 0 && o.TopK < len(ranks) {
		partition(ranks, o.TopK)
		ranks = ranks[:o.TopK]
	}
	if o.TopP == 0 || o.TopP == 1 {
		return slices.Min(ranks)
	}
	weight := func(r rank) float64 { return s.weight(logits[r.token()], highest) }
	total := 0.0
	for _, r := range ranks {
		total += weight(r)
	}
	for i := len(ranks)/2 - 1; i >= 0; i-- { // a heap: only the tokens that stay are sorted
		sift(ranks, i)
	}
	for sum := weight(ranks[0]); sum < o.TopP*total && len(ranks) > 1; sum += weight(ranks[0]) {
		ranks[0] = ranks[len(ranks)-1]
		ranks = ranks[:len(ranks)-1]
		sift(ranks, 0)
	}
	return ranks[0]
}

// partition moves the k highest ranks to the front, by Hoare's quickselect.
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

// sift restores the order of a heap, highest rank first, in which the rank at index i may be too low for its place.
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
