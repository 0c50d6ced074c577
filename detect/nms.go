package detect

import (
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
)

// NMS is greedy non-maximum suppression: it goes through boxes by falling score and removes those whose IoU with a kept one is
// above the threshold. It returns the indices of the kept boxes by falling score, equal scores in their order. IoU is computed
// in float32, so the result is that of torchvision.ops.nms. A box that is empty, inverted or not finite is kept and removes
// none; a score that is NaN is the lowest.
//
// Errors: a [*fault.FieldError] for a threshold outside of 0 to 1, and an error if the lengths differ.
func NMS(b []Box, scores []float32, threshold float64) ([]int, error) {
	if err := checkNMS(b, scores, threshold); err != nil {
		return nil, err
	}
	order := ByScore(scores)
	s := newSuppressor(b, threshold)
	return s.run(order), nil
}

// NMSPerClass is [NMS] in which boxes remove only boxes of their own class: torchvision's batched_nms. classes are any
// numbers.
func NMSPerClass(b []Box, scores []float32, classes []int, threshold float64) ([]int, error) {
	if err := checkNMS(b, scores, threshold); err != nil {
		return nil, err
	}
	if len(classes) != len(b) {
		return nil, fmt.Errorf("detect: %d classes for %d boxes; give one a box", len(classes), len(b))
	}
	order := ByScore(scores)
	of := map[int][]int32{}
	for _, i := range order {
		of[classes[i]] = append(of[classes[i]], i)
	}
	keep := make([]bool, len(b))
	for _, own := range of {
		s := newSuppressor(b, threshold)
		for _, i := range s.run(own) {
			keep[i] = true
		}
	}
	var kept []int
	for _, i := range order {
		if keep[i] {
			kept = append(kept, int(i))
		}
	}
	return kept, nil
}

func checkNMS(b []Box, scores []float32, threshold float64) error {
	switch {
	case !(threshold >= 0 && threshold <= 1):
		return fault.Field("Threshold", threshold, "must be 0 to 1")
	case len(scores) != len(b):
		return fmt.Errorf("detect: %d scores for %d boxes; give one a box", len(scores), len(b))
	case len(b) > math.MaxInt32:
		return fmt.Errorf("detect: %d boxes are more than %d", len(b), math.MaxInt32)
	}
	return nil
}

// ByScore returns the indices of scores by falling score, equal ones in their order; NaN is the lowest. It is a radix sort, as a
// comparing one takes longer than the suppression.
func ByScore(scores []float32) []int32 {
	type entry struct {
		key   uint32 // rises as the score falls
		index int32
	}
	entries, other := make([]entry, len(scores)), make([]entry, len(scores))
	for i, s := range scores {
		if s != s {
			s = float32(math.Inf(-1))
		}
		bits := math.Float32bits(s + 0) // −0 becomes 0
		if bits>>31 == 0 {
			bits = ^bits &^ (1 << 31)
		}
		entries[i] = entry{bits, int32(i)}
	}
	const digit = 11
	for shift := 0; shift < 32; shift += digit {
		var starts [1 << digit]int32
		for _, e := range entries {
			starts[e.key>>shift&(1<<digit-1)]++
		}
		total := int32(0)
		for d, n := range starts {
			starts[d] = total
			total += n
		}
		for _, e := range entries {
			d := e.key >> shift & (1<<digit - 1)
			other[starts[d]] = e
			starts[d]++
		}
		entries, other = other, entries
	}
	order := make([]int32, len(scores))
	for i, e := range entries {
		order[i] = e.index
	}
	return order
}

// rect is a box in the numbers of torchvision.
type rect struct {
	x0, y0, x1, y1, area float32
}

// newRect returns a box in float32. The conversions here and below keep products from being fused into sums, which would round
// differently.
func newRect(b Box) rect {
	r := rect{x0: float32(b.X0), y0: float32(b.Y0), x1: float32(b.X1), y1: float32(b.Y1)}
	r.area = float32((r.x1 - r.x0) * (r.y1 - r.y0))
	return r
}

// overlaps reports whether the IoU of two boxes is above a threshold. It has no branch that depends on which box is to the
// left, as a processor could not predict it.
func (a *rect) overlaps(b *rect, threshold float64) bool {
	width, height := min(a.x1, b.x1)-max(a.x0, b.x0), min(a.y1, b.y1)-max(a.y0, b.y0)
	inter := float32(max(width, 0) * max(height, 0))
	union := float32(a.area+b.area) - inter
	if inter <= union*float32(threshold)*0.999 {
		return false // without a division
	}
	return float64(inter/union) > threshold
}

// run goes through the boxes in an order and returns those that are kept.
func (s *suppressor) run(order []int32) []int {
	var kept []int
	for _, i := range order {
		r := newRect(s.boxes[i])
		if !usable(s.boxes[i], &r) {
			kept = append(kept, int(i))
			continue
		}
		if !s.suppressed(&r) {
			s.add(&r)
			kept = append(kept, int(i))
		}
	}
	return slices.Clip(kept)
}
