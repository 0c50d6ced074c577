package detect

import "math"

// suppressor holds the kept boxes of a suppression so that those which may overlap a box are found fast. If the IoU of boxes A
// and B is above t, then
//
//	t < w_A/w_B < 1/t,   t < |A|/|B| < 1/t,   |x_A − x_B| < w_A·(1 − t)/(2t),
//
// the last since the IoU is at most that of the intervals of x. So a box is compared with boxes of neighbouring sizes and
// places: it has a level, the octave of √area, and a cell at that level's grid of centres. Per box that takes a few cells
// instead of all kept boxes.
type suppressor struct {
	boxes     []Box
	threshold float64
	reach     float64 // (1 − t)/(2t), or infinite
	kept      []rect

	left, top     float64 // of all centres
	width, height float64
	largest       int // level of the largest box
	levels        [maxLevels]level
}

const (
	maxLevels = 16 // of sizes; smaller boxes are in the last one
	maxCells  = 64 // along a side of a level
)

// level is a grid of the centres of boxes of about the same size.
type level struct {
	columns, rows int
	toX, toY      float64 // cells a pixel
	first         []int32 // [rows, columns], last kept box of a cell or −1; nil: no box
}

// octave returns the number of the power of two that √area is in, counted from any fixed one.
func octave(area float32) int { return int(math.Float32bits(area)>>23) >> 1 }

func newSuppressor(b []Box, threshold float64) *suppressor {
	s := &suppressor{boxes: b, threshold: threshold, reach: math.Inf(1)}
	if threshold > 0.05 {
		s.reach = (1-threshold)/(2*threshold)*1.001 + 1e-4 // with room for rounding
	}
	right, bottom := math.Inf(-1), math.Inf(-1)
	s.left, s.top = math.Inf(1), math.Inf(1)
	for i := range b {
		x, y := (b[i].X0+b[i].X1)/2, (b[i].Y0+b[i].Y1)/2
		area := float32((b[i].X1 - b[i].X0) * (b[i].Y1 - b[i].Y0))
		if b[i].Empty() || !(area > 0) || math.IsInf(float64(area), 0) {
			continue
		}
		s.largest = max(s.largest, octave(area))
		s.left, right = min(s.left, x), max(right, x)
		s.top, bottom = min(s.top, y), max(bottom, y)
	}
	s.width, s.height = right-s.left, bottom-s.top
	return s
}

// level returns the index of the level of an area; 0 has the largest boxes.
func (s *suppressor) level(area float32) int { return min(max(s.largest-octave(area), 0), maxLevels-1) }

// open makes the grid of a level.
func (s *suppressor) open(i int) *level {
	l := &s.levels[i]
	if l.first != nil {
		return l
	}
	cell := math.Ldexp(1, s.largest-i-62) // about the upper end of √area
	cells := func(length float64) (int, float64) {
		n := min(max(math.Ceil(length/cell), 1), maxCells)
		if !(length > 0) {
			return 1, 0
		}
		return int(n), n / length
	}
	l.columns, l.toX = cells(s.width)
	l.rows, l.toY = cells(s.height)
	l.first = make([]int32, l.columns*l.rows)
	for j := range l.first {
		l.first[j] = -1
	}
	return l
}

// column returns the cell of a place along x; row along y.
func (l *level) column(x float64) int { return int(min(max(x*l.toX, 0), float64(l.columns-1))) }
func (l *level) row(y float64) int    { return int(min(max(y*l.toY, 0), float64(l.rows-1))) }

// center returns the centre of a box relative to all centres.
func (s *suppressor) center(r *rect) (x, y float64) {
	return (float64(r.x0)+float64(r.x1))/2 - s.left, (float64(r.y0)+float64(r.y1))/2 - s.top
}

// add keeps a box.
func (s *suppressor) add(r rect) {
	l := s.open(s.level(r.area))
	x, y := s.center(&r)
	first := &l.first[l.row(y)*l.columns+l.column(x)]
	r.next = *first
	*first = int32(len(s.kept))
	s.kept = append(s.kept, r)
}

// suppressed reports whether the IoU of a box with a kept one is above the threshold.
func (s *suppressor) suppressed(r *rect) bool {
	if math.IsInf(s.reach, 0) {
		return s.any(r)
	}
	x, y := s.center(r)
	reachX, reachY := float64(r.x1-r.x0)*s.reach, float64(r.y1-r.y0)*s.reach
	ratio := float32(s.threshold) * 0.999
	from, to := s.level(r.area/ratio), s.level(r.area*ratio)
	cells := 0
	for i := from; i <= to; i++ {
		l := &s.levels[i]
		if l.first == nil {
			continue
		}
		left, right := l.column(x-reachX), l.column(x+reachX)
		top, bottom := l.row(y-reachY), l.row(y+reachY)
		if cells += (right - left + 1) * (bottom - top + 1); cells > len(s.kept) {
			return s.any(r) // fewer boxes than cells
		}
		for row := top; row <= bottom; row++ {
			for _, j := range l.first[row*l.columns+left : row*l.columns+right+1] {
				for j >= 0 {
					other := &s.kept[j]
					if other.overlaps(r, s.threshold) {
						return true
					}
					j = other.next
				}
			}
		}
	}
	return false
}

// any compares a box with all that are kept.
func (s *suppressor) any(r *rect) bool {
	for j := range s.kept {
		if s.kept[j].overlaps(r, s.threshold) {
			return true
		}
	}
	return false
}
