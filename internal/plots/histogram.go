package plots

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// Group is a named set of numbers.
type Group struct {
	Name   string
	Values []float64
}

// Histogram draws the distributions of groups over each other, as shares of each
// group, so that groups of different sizes compare. bins is the number of bins
// over the whole range, 0 to choose one. The y axis is linear.
func Histogram(path string, a Axes, bins int, groups ...Group) error {
	a.LogY = false
	r := newBounds(a)
	kept := make([][]float64, len(groups))
	for i, g := range groups {
		for _, v := range g.Values {
			if r.x.drawable(v) {
				kept[i] = append(kept[i], v)
				r.x.include(v)
			}
		}
	}
	lo, hi := r.x.limits()
	edges := binEdges(lo, hi, bins, a.LogX, kept)
	f := newFigure(a)
	for i, g := range groups {
		h := &plotter.Histogram{
			FillColor: pale(colour(i), 0x60),
			LineStyle: draw.LineStyle{Color: pale(colour(i), 0xd0), Width: 0.8},
		}
		for j := range len(edges) - 1 {
			h.Bins = append(h.Bins, plotter.HistogramBin{Min: edges[j], Max: edges[j+1]})
		}
		for _, v := range kept[i] {
			j, _ := slices.BinarySearchFunc(edges[1:len(edges)-1], v, func(edge, v float64) int {
				if edge <= v {
					return -1
				}
				return 1
			})
			h.Bins[j].Weight += 1 / float64(len(kept[i]))
		}
		for _, b := range h.Bins {
			r.y.include(b.Weight)
		}
		f.Add(h)
		f.legend(g.Name, len(g.Values)-len(kept[i]), h)
	}
	r.y.include(0)
	r.x.min, r.x.max = lo, hi
	return f.save(path, r)
}

// minGroup is the number of values from which a group has a say in the number of bins.
const minGroup = 10

// binEdges divides lo to hi evenly (on the axis' scale). Without a number of bins, it follows
// Freedman and Diaconis (1981): twice the quartile distance over the cube root of the count,
// by the group that asks for the fewest bins, as finer ones would show its noise.
func binEdges(lo, hi float64, bins int, log bool, groups [][]float64) []float64 {
	scale, unscale := func(v float64) float64 { return v }, func(v float64) float64 { return v }
	if log {
		scale, unscale = math.Log, math.Exp
	}
	width := scale(hi) - scale(lo)
	if bins <= 0 {
		bins = 80
		for _, g := range groups {
			if len(g) < minGroup {
				continue
			}
			s := make([]float64, len(g))
			for i, v := range g {
				s[i] = scale(v)
			}
			slices.Sort(s)
			spread := stat.Quantile(0.75, stat.Empirical, s, nil) - stat.Quantile(0.25, stat.Empirical, s, nil)
			if n := width / (2 * spread / math.Cbrt(float64(len(s)))); spread > 0 {
				bins = max(12, min(bins, int(min(n, 80))))
			}
		}
	}
	edges := make([]float64, bins+1)
	for i := range edges {
		edges[i] = unscale(scale(lo) + width*float64(i)/float64(bins))
	}
	return edges
}
