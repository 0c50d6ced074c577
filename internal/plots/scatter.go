package plots

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Scatter draws clouds of points, one a class or source.
func Scatter(path string, a Axes, clouds ...Series) error {
	f, r := newFigure(a), newBounds(a)
	total := 0
	for _, s := range clouds {
		total += len(s.Y)
	}
	// Fewer points are drawn larger and more opaque.
	size := 80 / math.Sqrt(float64(total)+1)
	radius := vg.Length(min(3.2, max(0.8, size)))
	alpha := uint8(255 * min(0.85, max(0.25, size/3)))
	for i, s := range clouds {
		runs, dropped, err := s.points(&r)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		style := draw.GlyphStyle{Color: pale(colour(i), alpha), Radius: radius, Shape: draw.CircleGlyph{}}
		for _, run := range runs {
			f.Add(&plotter.Scatter{XYs: run, GlyphStyle: style})
		}
		f.legend(s.Name, dropped, dots(nil, i, 3.2))
	}
	r.x.pad(0.03)
	r.y.pad(0.03)
	if a.Equal && !r.empty() && !a.LogX && !a.LogY {
		r.equalise()
	}
	return f.save(path, r)
}

// equalise widens one axis so that both have the same scale. The labels take about the same part of the picture in every
// plot.
func (r *bounds) equalise() {
	const aspect = 1.9 // of the area inside the labels
	x0, x1 := r.x.limits()
	y0, y1 := r.y.limits()
	width, height := max(x1-x0, aspect*(y1-y0)), max(y1-y0, (x1-x0)/aspect)
	r.x.min, r.x.max = (x0+x1-width)/2, (x0+x1+width)/2
	r.y.min, r.y.max = (y0+y1-height)/2, (y0+y1+height)/2
}
