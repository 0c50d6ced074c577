package detect

import "math"

// suppressor holds the kept boxes of a suppression so that those which may overlap a box are found fast. The IoU of boxes A and
// B is at most that of their intervals of x, and so is above t only if
//
//	t < w_A/w_B < 1/t   and   |x_A − x_B| < (w_A + w_B)·(1 − t)/(2(1 + t)),
//
// and likewise for heights and y. So a box is compared with boxes of neighbouring sizes and places: kept boxes are in tables by
// the octaves of their widths and heights, and in each table in a grid of cells by their centres.
type suppressor struct {
	boxes     []Box
	threshold float64
	reach     float64 // (1 − t)/(2(1 + t)); 0: the threshold is too low, compare with all
	kept      []rect

	left, top     float64 // of all centres
	width, height float64
	widest        int // octave of the largest width
	highest       int // and height
	tables        [octaves * octaves]table
}

const (
	octaves  = 8  // of widths, and of heights; smaller boxes are in the last one
	maxCells = 64 // along a side of a table
)

// table is a grid of the centres of boxes of about the same size.
type table struct {
	columns, rows int
	toX, toY      float64 // cells a pixel
	first         []int32 // [rows, columns], 1 + the last kept box of a cell, or 0; nil: no box
}

// octave returns the exponent of a positive number.
func octave(length float32) int { return int(math.Float32bits(length) >> 23) }

// power returns the power of two with the octave of [octave]: the least length in it.
func power(octave int) float64 { return math.Float64frombits(uint64(octave-127+1023) << 52) }

// usable reports whether a box takes part in suppression.
func usable(b Box, r *rect) bool {
	return !b.Empty() && r.area > 0 && !math.IsInf(float64(r.area), 0) && r.x1 > r.x0 && r.y1 > r.y0
}

func newSuppressor(b []Box, threshold float64) *suppressor {
	s := &suppressor{boxes: b, threshold: threshold}
	if threshold > 0.05 {
		s.reach = (1-threshold)/(2*(1+threshold))*1.001 + 1e-4 // with room for rounding
	}
	right, bottom := math.Inf(-1), math.Inf(-1)
	s.left, s.top = math.Inf(1), math.Inf(1)
	for i := range b {
		r := newRect(b[i])
		if !usable(b[i], &r) {
			continue
		}
		s.widest, s.highest = max(s.widest, octave(r.x1-r.x0)), max(s.highest, octave(r.y1-r.y0))
		x, y := r.center()
		s.left, right = min(s.left, x), max(right, x)
		s.top, bottom = min(s.top, y), max(bottom, y)
	}
	s.width, s.height = right-s.left, bottom-s.top
	return s
}

// center returns the centre.
func (a *rect) center() (x, y float64) {
	return (float64(a.x0) + float64(a.x1)) / 2, (float64(a.y0) + float64(a.y1)) / 2
}

// index returns the number of the octave of a length; 0 has the largest lengths.
func index(largest int, length float32) int { return min(max(largest-octave(length), 0), octaves-1) }

// open makes the grid of the table of octaves i and j, with cells as long as the smallest of its boxes.
func (s *suppressor) open(i, j int) *table {
	t := &s.tables[i*octaves+j]
	if t.first != nil {
		return t
	}
	cells := func(length float64, exponent int) (int, float64) {
		if !(length > 0) {
			return 1, 0
		}
		n := min(max(math.Ceil(length/power(exponent)), 1), maxCells)
		return int(n), n / length
	}
	t.columns, t.toX = cells(s.width, s.widest-i)
	t.rows, t.toY = cells(s.height, s.highest-j)
	t.first = make([]int32, t.columns*t.rows)
	return t
}

// cell returns the number of the cell at a place on a side with n cells.
func cell(place float64, n int) int { return min(max(int(place), 0), n-1) }

// add keeps a box.
func (s *suppressor) add(r rect) {
	t := s.open(index(s.widest, r.x1-r.x0), index(s.highest, r.y1-r.y0))
	x, y := r.center()
	first := &t.first[cell((y-s.top)*t.toY, t.rows)*t.columns+cell((x-s.left)*t.toX, t.columns)]
	r.next = *first
	s.kept = append(s.kept, r)
	*first = int32(len(s.kept))
}

// suppressed reports whether the IoU of a box with a kept one is above the threshold.
func (s *suppressor) suppressed(r *rect) bool {
	if s.reach == 0 || len(s.kept) < 16 {
		return s.any(r)
	}
	ratio := float32(s.threshold) * 0.999
	width, height := r.x1-r.x0, r.y1-r.y0
	x, y := r.center()
	x, y = x-s.left, y-s.top
	cells := 0
	lastX, lastY := index(s.widest, width*ratio), index(s.highest, height*ratio)
	firstY := index(s.highest, height/ratio)
	for i := index(s.widest, width/ratio); i <= lastX; i++ {
		reachX := s.reach * (float64(width) + 2*power(s.widest-i))
		for j := firstY; j <= lastY; j++ {
			t := &s.tables[i*octaves+j]
			if t.first == nil {
				continue
			}
			reachY := s.reach * (float64(height) + 2*power(s.highest-j))
			left, right := cell((x-reachX)*t.toX, t.columns), cell((x+reachX)*t.toX, t.columns)
			top, bottom := cell((y-reachY)*t.toY, t.rows), cell((y+reachY)*t.toY, t.rows)
			if cells += (right - left + 1) * (bottom - top + 1); cells > len(s.kept) {
				return s.any(r) // fewer boxes than cells
			}
			for row := top; row <= bottom; row++ {
				for _, k := range t.first[row*t.columns+left : row*t.columns+right+1] {
					for k > 0 {
						other := &s.kept[k-1]
						if other.overlaps(r, s.threshold) {
							return true
						}
						k = other.next
					}
				}
			}
		}
	}
	return false
}

// any compares a box with all that are kept.
func (s *suppressor) any(r *rect) bool {
	for k := range s.kept {
		if s.kept[k].overlaps(r, s.threshold) {
			return true
		}
	}
	return false
}
