package plots

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Cloud is a named set of rows for [Pairs].
type Cloud struct {
	Name    string
	Columns [][]float64 // [columns][rows]
}

// MaxPairs is the largest number of columns that [Pairs] draws.
const MaxPairs = 6

const pairPx = 210 // side of a panel

// Pairs draws clouds of rows: a panel of points for each pair of columns, and histograms of the columns on the diagonal. All
// panels of a column share its range, that of the first cloud's central 99 % with a margin; points beyond are left out. It draws
// the first [MaxPairs] columns.
func Pairs(path string, columns []string, clouds ...Cloud) error {
	n := min(len(columns), MaxPairs)
	if n == 0 || len(clouds) == 0 {
		return fmt.Errorf("%s: there are no columns to draw; give some", path)
	}
	for _, c := range clouds {
		if len(c.Columns) < n {
			return fmt.Errorf("%s: %q has %d columns instead of %d; give all of them", path, c.Name, len(c.Columns), n)
		}
	}
	ranges := make([]span, n)
	for j := range ranges {
		ranges[j] = central(clouds[0].Columns[j])
	}
	side := vg.Length(n*pairPx) * vg.Inch / dpi
	legend := vg.Length(26)
	canvas := vgimg.NewWith(vgimg.UseDPI(dpi), vgimg.UseWH(max(side, 2*pairPx*vg.Inch/dpi), side+legend))
	all := draw.New(canvas)
	white(all)
	f := &figure{}
	for i, c := range clouds {
		f.legend(c.Name, 0, line(nil, draw.LineStyle{Color: colour(i), Width: 2.2}))
	}
	f.drawLegend(draw.Crop(all, 10, 0, 0, 0), all.Max.Y-4)
	for i := range n { // rows of panels, from the top
		for j := range n {
			p := panel(i, j, columns, ranges, clouds)
			x, y := vg.Length(j*pairPx)*vg.Inch/dpi, side-vg.Length((i+1)*pairPx)*vg.Inch/dpi
			p.Draw(draw.Canvas{Canvas: all.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: x + 3, Y: y + 3}, Max: vg.Point{X: x + pairPx*vg.Inch/dpi - 3, Y: y + pairPx*vg.Inch/dpi - 3}}})
		}
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(w)
		return err
	})
}

// panel draws column i over column j, or the histograms of column i.
func panel(i, j int, columns []string, ranges []span, clouds []Cloud) *plot.Plot {
	p := newFigure(Axes{}).Plot
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Tick.Label.Font = textStyle(7, soft, font.Font{}).Font
		axis.Label.TextStyle = text.Style{Color: ink, Font: textStyle(8.5, ink, font.Font{}).Font, Handler: plot.DefaultTextHandler}
	}
	if i == len(ranges)-1 {
		p.X.Label.Text = shortName(columns[j])
	}
	if j == 0 {
		p.Y.Label.Text = shortName(columns[i])
	}
	p.X.Min, p.X.Max = ranges[j].limits()
	if i == j {
		p.Y.Tick.Marker = plot.ConstantTicks(nil)
		top := 0.0
		for k, c := range clouds {
			steps := histogram(c.Columns[i], p.X.Min, p.X.Max)
			for _, xy := range steps {
				top = max(top, xy.Y)
			}
			p.Add(line(steps, draw.LineStyle{Color: colour(k), Width: 1.4}))
		}
		p.Y.Min, p.Y.Max = 0, max(top*1.08, 1e-300)
		return p
	}
	p.Y.Min, p.Y.Max = ranges[i].limits()
	for k, c := range clouds {
		var xys plotter.XYs
		for r := range min(len(c.Columns[j]), len(c.Columns[i])) {
			x, y := c.Columns[j][r], c.Columns[i][r]
			if x >= p.X.Min && x <= p.X.Max && y >= p.Y.Min && y <= p.Y.Max {
				xys = append(xys, plotter.XY{X: x, Y: y})
			}
		}
		if len(xys) > 0 {
			s := dots(xys, k, 1.1)
			s.Color = pale(colour(k), 0x80)
			p.Add(s)
		}
	}
	return p
}

// shortName is a column's name that fits beside a panel.
func shortName(name string) string {
	if r := []rune(name); len(r) > 20 {
		return string(r[:19]) + "…"
	}
	return name
}

// central is the range of the numbers without half a percent at either end, with a margin of a tenth.
func central(values []float64) span {
	sorted := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return !(math.Abs(v) <= 1e250) })
	slices.Sort(sorted)
	s := span{}
	if n := len(sorted); n > 0 {
		s.include(sorted[n/200])
		s.include(sorted[n-1-n/200])
	}
	s.pad(0.1)
	return s
}

// histogram is the outline of a histogram of 40 bins, as a density.
func histogram(values []float64, lo, hi float64) (outline plotter.XYs) {
	const bins = 40
	counts, width := make([]float64, bins), (hi-lo)/bins
	for _, v := range values {
		if v >= lo && v < hi {
			counts[min(int((v-lo)/width), bins-1)]++
		}
	}
	for k, c := range counts {
		y := c / (float64(max(len(values), 1)) * width)
		outline = append(outline, plotter.XY{X: lo + float64(k)*width, Y: y}, plotter.XY{X: lo + float64(k+1)*width, Y: y})
	}
	return outline
}
