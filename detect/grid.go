package detect

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// suppressor holds the kept boxes of a suppression, so that those which may overlap a box are found fast. The IoU of boxes A and B is at
// most that of their intervals of y, and so is above t only if
//
//	t < h_A/h_B < 1/t   and   |y_A − y_B| < (h_A + h_B)·(1 − t)/(2(1 + t)).
//
// So kept boxes are in tables by the octaves of their heights, and in each table in horizontal strips by their centres. A box is compared
// with the strips of neighbouring heights and places, by vector instructions with all boxes of a strip at once.
type suppressor struct {
	boxes     []Box
	threshold float64
	ratio     float32 // an IoU that is below the threshold by more than roundings
	reach     float64 // (1 − t)/(2(1 + t)); 0: the threshold is too low, compare with all
	passes    *simd.Passes
	excess    [chunk]float32

	top, height float64 // the least centre, and the range of all centres
	tallest     int     // octave of the largest height
	tables      [octaves]table
}

const (
	octaves   = 16  // of heights; lower boxes are in the last one
	maxStrips = 64  // of a table
	chunk     = 128 // boxes that are compared at once
)

// table is a list of strips.
type table struct {
	toStrip float64 // strips a pixel
	strips  []strip
}

// strip has the coordinates and areas of the kept boxes whose centres are in it.
type strip struct{ x0, y0, x1, y1, area []float32 }

// octave returns the exponent of a positive number.
func octave(length float32) int { return int(math.Float32bits(length) >> 23) }

// power returns the power of two with the octave of [octave]: the least length in it.
func power(octave int) float64 { return math.Float64frombits(uint64(octave-127+1023) << 52) }

// usable reports whether a box takes part in suppression.
func usable(b Box, r *rect) bool {
	return !b.Empty() && r.area > 0 && !math.IsInf(float64(r.area), 0) && r.x1 > r.x0 && r.y1 > r.y0
}

func newSuppressor(b []Box, threshold float64) *suppressor {
	s := &suppressor{boxes: b, threshold: threshold, ratio: float32(threshold) * 0.999, passes: simd.PassesFor(simd.Detect())}
	if threshold > 0.05 {
		s.reach = (1-threshold)/(2*(1+threshold))*1.001 + 1e-4 // with room for rounding
	}
	s.top = math.Inf(1)
	bottom := math.Inf(-1)
	for i := range b {
		if r := newRect(b[i]); usable(b[i], &r) {
			y := r.middle()
			s.top, bottom, s.tallest = min(s.top, y), max(bottom, y), max(s.tallest, octave(r.y1-r.y0))
		}
	}
	s.height = bottom - s.top
	return s
}

// middle returns the centre of y.
func (a *rect) middle() float64 { return (float64(a.y0) + float64(a.y1)) / 2 }

// index returns the number of the table for a height; 0 has the largest ones.
func (s *suppressor) index(height float32) int {
	return min(max(s.tallest-octave(height), 0), octaves-1)
}

// open returns the table with a number. Its strips are four times as high as its highest box: comparing 200 boxes takes as long as one call.
func (s *suppressor) open(i int) *table {
	t := &s.tables[i]
	if t.strips == nil {
		n := 1.0
		if s.height > 0 {
			n = min(max(math.Ceil(s.height/(8*power(s.tallest-i))), 1), maxStrips)
			t.toStrip = n / s.height
		}
		t.strips = make([]strip, int(n))
	}
	return t
}

// strip returns the number of the strip at y.
func (t *table) strip(y float64) int { return min(max(int(y*t.toStrip), 0), len(t.strips)-1) }

// add keeps a box.
func (s *suppressor) add(r *rect) {
	table := s.open(s.index(r.y1 - r.y0))
	t := &table.strips[table.strip(r.middle()-s.top)]
	t.x0, t.y0 = append(t.x0, r.x0), append(t.y0, r.y0)
	t.x1, t.y1 = append(t.x1, r.x1), append(t.y1, r.y1)
	t.area = append(t.area, r.area)
}

// suppressed reports whether the IoU of a box with a kept one is above the threshold.
func (s *suppressor) suppressed(r *rect) bool {
	height := r.y1 - r.y0
	y, from, to := r.middle()-s.top, 0, octaves-1
	if s.reach > 0 {
		from, to = s.index(height/s.ratio), s.index(height*s.ratio)
	}
	for i := from; i <= to; i++ {
		t := &s.tables[i]
		if t.strips == nil {
			continue
		}
		first, last := 0, len(t.strips)-1
		if s.reach > 0 {
			reach := s.reach * (float64(height) + 2*power(s.tallest-i))
			first, last = t.strip(y-reach), t.strip(y+reach)
		}
		for k := first; k <= last; k++ {
			if s.within(&t.strips[k], r) {
				return true
			}
		}
	}
	return false
}

// within reports whether a box of a strip suppresses r. Vector instructions find the few whose IoU is near the threshold or above.
func (s *suppressor) within(t *strip, r *rect) bool {
	n := len(t.area)
	if s.passes == nil {
		for k := range n {
			if t.overlaps(k, r, s.threshold) {
				return true
			}
		}
		return false
	}
	for lo := 0; lo < n; lo += chunk {
		hi := min(lo+chunk, n)
		excess := s.excess[:hi-lo]
		if s.passes.Excess(r.x0, r.y0, r.x1, r.y1, r.area, s.ratio, t.x0[lo:], t.y0[lo:], t.x1[lo:], t.y1[lo:], t.area[lo:], excess) <= 0 {
			continue
		}
		for k, e := range excess {
			if e > 0 && t.overlaps(lo+k, r, s.threshold) {
				return true
			}
		}
	}
	return false
}

// overlaps reports whether the IoU of box k and r is above a threshold.
func (t *strip) overlaps(k int, r *rect, threshold float64) bool {
	other := rect{t.x0[k], t.y0[k], t.x1[k], t.y1[k], t.area[k]}
	return other.overlaps(r, threshold)
}
