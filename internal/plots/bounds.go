package plots

import (
	"math"

	"gonum.org/v1/plot"
)

// bounds is the range of the points, in data units.
type bounds struct{ x, y span }

// span is the range of an axis.
type span struct {
	min, max float64
	any, log bool
}

func newBounds(a Axes) bounds { return bounds{x: span{log: a.LogX}, y: span{log: a.LogY}} }

func (r bounds) empty() bool { return !r.x.any || !r.y.any }

// drawable reports whether v can be drawn on an axis. Near the ends of float64's range, widths would overflow.
func (s *span) drawable(v float64) bool {
	return math.Abs(v) <= 1e250 && (!s.log || v >= 1e-250)
}

func (s *span) include(v float64) {
	if !s.any {
		s.min, s.max, s.any = v, v, true
	}
	s.min, s.max = min(s.min, v), max(s.max, v)
}

// limits returns the range of the axis, widened if it is a point or empty.
func (s *span) limits() (lo, hi float64) {
	switch {
	case !s.any && s.log:
		return 1, 10
	case !s.any:
		return 0, 1
	case s.log && s.max < 1.1*s.min:
		return s.min / 2, s.max * 2
	case s.max-s.min <= 1e-9*max(math.Abs(s.min), math.Abs(s.max)) && !s.log:
		d := max(1, math.Abs(s.min)) / 2
		return s.min - d, s.max + d
	}
	return s.min, s.max
}

// pad widens the range on both sides by a share of its width.
func (s *span) pad(share float64) {
	lo, hi := s.limits()
	if s.log {
		k := math.Pow(hi, share) / math.Pow(lo, share)
		s.min, s.max = lo/k, hi*k
		return
	}
	s.min, s.max = lo-share*(hi-lo), hi+share*(hi-lo)
}

func (r bounds) set(p *plot.Plot) {
	p.X.Min, p.X.Max = r.x.limits()
	p.Y.Min, p.Y.Max = r.y.limits()
}
