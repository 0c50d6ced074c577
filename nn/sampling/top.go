package sampling

import (
	"math"
	"slices"
)

// sampleTop samples with u, uniform in [0, 1), among the TopK most probable tokens, and of these among the most probable
// ones that make up the probability TopP. Weights stay in the order of the vocabulary, so that rounding hardly changes
// the result.
func (s *Sampler) sampleTop(logits []float32, highest, u float64) int32 {
	s.keys, s.weights = s.keys[:0], s.weights[:0]
	for i, l := range logits {
		s.keys = append(s.keys, keyOf(l, i))
	}
	s.sorted = append(s.sorted[:0], s.keys...)
	least := s.leastLikely(logits, highest)
	for i, l := range logits {
		w := 0.0
		if s.keys[i] >= least {
			w = s.weight(l, highest)
		}
		s.weights = append(s.weights, w)
	}
	return int32(inverseCDF(s.weights, u))
}

// key is a sort key of tokens by their logits. Of tokens with equal logits, the lower token has the higher key.
type key uint64

func keyOf(logit float32, token int) key {
	bits := math.Float32bits(logit + 0) // −0 is 0
	if bits>>31 == 0 {
		bits |= 1 << 31
	} else {
		bits = ^bits
	}
	return key(bits)<<32 | key(^uint32(token))
}

func (k key) token() int { return int(^uint32(k)) }

// leastLikely is the lowest key among the tokens that TopK and TopP leave.
func (s *Sampler) leastLikely(logits []float32, highest float64) key {
	o, keys := s.options, s.sorted
	if o.TopK > 0 && o.TopK < len(keys) {
		partition(keys, o.TopK)
		keys = keys[:o.TopK]
	}
	if o.TopP == 0 || o.TopP == 1 {
		return slices.Min(keys)
	}
	weight := func(k key) float64 { return s.weight(logits[k.token()], highest) }
	total := 0.0
	for _, k := range keys {
		total += weight(k)
	}
	for i := len(keys)/2 - 1; i >= 0; i-- { // a heap: only the tokens that stay are sorted
		sift(keys, i)
	}
	for sum := weight(keys[0]); sum < o.TopP*total && len(keys) > 1; sum += weight(keys[0]) {
		keys[0] = keys[len(keys)-1]
		keys = keys[:len(keys)-1]
		sift(keys, 0)
	}
	return keys[0]
}

// partition moves the k highest keys to the front, by Hoare's quickselect.
func partition(keys []key, k int) {
	for len(keys) > 1 {
		pivot := keys[len(keys)/2]
		i, j := 0, len(keys)-1
		for i <= j {
			for keys[i] > pivot {
				i++
			}
			for pivot > keys[j] {
				j--
			}
			if i <= j {
				keys[i], keys[j] = keys[j], keys[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			keys = keys[:j+1]
		case k > i:
			keys, k = keys[i:], k-i
		default:
			return
		}
	}
}

// sift restores the order of a heap, highest key first, in which the key at index i may be too low for its place.
func sift(heap []key, i int) {
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
