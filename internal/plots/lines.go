package plots

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Lines draws curves, such as losses over steps.
func Lines(path string, a Axes, series ...Series) error {
	f, r := newFigure(a), newBounds(a)
	var front []plot.Plotter // drawn over all pale points
	for i, s := range series {
		runs, dropped, err := s.points(&r)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, run := range runs {
			bold := thin(run)
			if s.Smooth && len(run) >= minSmooth {
				f.Add(line(thin(run), draw.LineStyle{Color: pale(colour(i), 0x48), Width: 0.9}))
				bold = thin(smooth(run, a.LogY))
			}
			if len(run) == 1 { // a line of one point is invisible
				front = append(front, dots(run, i, 2.5))
				continue
			}
			front = append(front, line(bold, draw.LineStyle{Color: colour(i), Width: 1.7}))
		}
		f.legend(s.Name, dropped, line(nil, draw.LineStyle{Color: colour(i), Width: 2.2}))
	}
	f.Add(front...)
	r.y.pad(0.03)
	return f.save(path, r)
}

func line(xys plotter.XYs, style draw.LineStyle) *plotter.Line {
	return &plotter.Line{XYs: xys, LineStyle: style}
}

func dots(xys plotter.XYs, i int, radius vg.Length) *plotter.Scatter {
	return &plotter.Scatter{XYs: xys, GlyphStyle: draw.GlyphStyle{
		Color: colour(i), Radius: radius, Shape: draw.CircleGlyph{}}}
}

// minSmooth is the smallest number of points of which a moving average is drawn.
const minSmooth = 20

// smooth fits a line to each point and its neighbours, 2 % of the run on either side, and takes its value at the point. Away
// from the ends this is the moving average; at the ends it follows the slope, where an average would lag. On a logarithmic
// axis the logarithms are smoothed, so that the values stay positive.
func smooth(run plotter.XYs, log bool) plotter.XYs {
	onto, back := func(y float64) float64 { return y }, func(y float64) float64 { return y }
	if log {
		onto, back = math.Log, math.Exp
	}
	reach := max(4, len(run)/50)
	// Prefix sums of y and of i·y, with indices for x.
	sums := make([][2]float64, len(run)+1)
	for i, p := range run {
		sums[i+1] = [2]float64{sums[i][0] + onto(p.Y), sums[i][1] + float64(i)*onto(p.Y)}
	}
	out := make(plotter.XYs, len(run))
	for i, p := range run {
		from, to := max(0, i-reach), min(len(run), i+reach+1)
		n, centre := float64(to-from), float64(from+to-1)/2
		mean := (sums[to][0] - sums[from][0]) / n
		covariance := sums[to][1] - sums[from][1] - centre*n*mean
		slope := covariance / (n * (n*n - 1) / 12)
		out[i] = plotter.XY{X: p.X, Y: back(mean + slope*(float64(i)-centre))}
	}
	return out
}

// thin reduces a run to a few points a pixel: the lowest and the highest of each segment, which look the same as all points.
func thin(run plotter.XYs) plotter.XYs {
	const segments = 2 * widthPx
	if len(run) <= 2*segments {
		return run
	}
	out := make(plotter.XYs, 0, 2*segments)
	for i := range segments {
		from, to := i*len(run)/segments, (i+1)*len(run)/segments
		lo, hi := from, from
		for j := from; j < to; j++ {
			if run[j].Y < run[lo].Y {
				lo = j
			}
			if run[j].Y >= run[hi].Y {
				hi = j
			}
		}
		out = append(out, run[min(lo, hi)], run[max(lo, hi)])
	}
	return out
}
