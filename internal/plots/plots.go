// Package plots draws the curves and point clouds of a run as PNG files of 900×540 pixels.
//
// Values that cannot be drawn (NaN, infinities, and values up to 0 on a logarithmic axis) leave gaps, and the legend counts
// them, so that a diverged loss is visible.
package plots

import (
	"fmt"
	"image/color"
	"io"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

const (
	widthPx, heightPx = 900, 540
	dpi               = 96
	margin            = 14 * vg.Millimeter / 4
)

// Coarse gives curves a sixteenth of their pixels, for tests that draw many.
var Coarse bool

// resolution is how many pixels an inch of a figure has.
func resolution() int {
	if Coarse {
		return dpi / 4
	}
	return dpi
}

// Axes are the title and the axes of a plot.
type Axes struct {
	Title, X, Y string // title and labels of the axes
	LogX, LogY  bool   // logarithmic axes
}

// Series is a named series of points.
type Series struct {
	Name   string
	X, Y   []float64 // of the same length; a nil X means 0, 1, 2, …
	Smooth bool      // for [Lines]: draw a moving average in front of the pale points
}

// colours differ in hue and in lightness, for colour-blind readers.
var colours = []color.NRGBA{
	{0x1f, 0x6f, 0xd6, 0xff}, {0xe8, 0x6a, 0x17, 0xff}, {0x0f, 0x9d, 0x6b, 0xff}, {0xc8, 0x2d, 0x6d, 0xff},
	{0x7a, 0x4f, 0xd0, 0xff}, {0x8c, 0x6a, 0x1c, 0xff}, {0x12, 0xa5, 0xc0, 0xff}, {0x55, 0x5f, 0x6b, 0xff},
}

var (
	ink  = color.NRGBA{0x22, 0x26, 0x2c, 0xff}
	soft = color.NRGBA{0x5a, 0x62, 0x6c, 0xff} // ticks and labels
	rule = color.NRGBA{0xe3, 0xe6, 0xea, 0xff} // grid
)

func colour(i int) color.NRGBA { return colours[i%len(colours)] }

func pale(c color.NRGBA, alpha uint8) color.NRGBA { c.A = alpha; return c }

func textStyle(size vg.Length, c color.Color, weight font.Font) text.Style {
	weight.Typeface, weight.Variant, weight.Size = "Liberation", "Sans", size
	return text.Style{Color: c, Font: weight, Handler: plot.DefaultTextHandler}
}

// figure is a plot with its title and legend above it.
type figure struct {
	*plot.Plot
	title  string
	names  []string
	thumbs []plot.Thumbnailer
}

func newFigure(a Axes) *figure {
	p := plot.New()
	for _, axis := range []struct {
		*plot.Axis
		label string
		log   bool
	}{{&p.X, a.X, a.LogX}, {&p.Y, a.Y, a.LogY}} {
		axis.Label.Text = axis.label
		axis.Label.TextStyle.Font = textStyle(11, soft, font.Font{}).Font
		axis.Label.TextStyle.Color = soft
		axis.Label.Padding = 5
		axis.LineStyle.Width = 0
		axis.Padding = 4
		axis.Tick.Label.Font = textStyle(10, soft, font.Font{}).Font
		axis.Tick.Label.Color = soft
		axis.Tick.LineStyle.Width = 0
		axis.Tick.Length = 4
		axis.Tick.Marker = linearTicks{}
		if axis.log {
			axis.Scale = plot.LogScale{}
			axis.Tick.Marker = logTicks{}
		}
	}
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: rule, Width: 0.75}
	grid.Vertical = grid.Horizontal
	p.Add(grid)
	return &figure{Plot: p, title: a.Title}
}

// legend adds an entry to the legend; dropped is the number of values that cannot be drawn.
func (f *figure) legend(name string, dropped int, thumb plot.Thumbnailer) {
	if dropped > 0 {
		name = strings.TrimSpace(fmt.Sprintf("%s (%d not drawable)", name, dropped))
	}
	f.names = append(f.names, name)
	f.thumbs = append(f.thumbs, thumb)
}

// save draws the figure and writes it to path. Without any point it writes "nothing to draw yet".
func (f *figure) save(path string, r bounds) error {
	r.set(f.Plot)
	canvas := vgimg.NewWith(vgimg.UseDPI(resolution()), vgimg.UseWH(
		vg.Length(widthPx)*vg.Inch/dpi, vg.Length(heightPx)*vg.Inch/dpi))
	all := draw.New(canvas)
	white(all)
	all = draw.Crop(all, margin, -margin, margin, -margin)

	title := textStyle(14, ink, font.Font{Weight: xfont.WeightBold})
	top := all.Max.Y
	if f.title != "" {
		top -= title.FontExtents().Ascent
		all.FillText(title, vg.Point{X: all.Min.X, Y: top}, f.title)
		top -= 8
	}
	top = f.drawLegend(all, top)
	body := draw.Crop(all, 0, 0, 0, top-all.Max.Y-4)
	f.Draw(body)
	if r.empty() {
		note := textStyle(13, soft, font.Font{})
		note.XAlign, note.YAlign = text.XCenter, text.YCenter
		body.FillText(note, body.Center(), "nothing to draw yet")
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(w)
		return err
	})
}

// white covers a canvas.
func white(c draw.Canvas) {
	c.FillPolygon(color.White, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
}

// drawLegend draws the entries of the legend side by side below top, in as many rows as needed, and returns their lower end. A
// single series without a name has no legend.
func (f *figure) drawLegend(c draw.Canvas, top vg.Length) vg.Length {
	if len(f.names) == 0 || (len(f.names) == 1 && f.names[0] == "") {
		return top
	}
	const box, gap, row = 18, 16, 15
	style := textStyle(10.5, ink, font.Font{})
	x, y := c.Min.X, top-row
	for i, name := range f.names {
		width := box + 5 + style.Width(name)
		if x > c.Min.X && x+width > c.Max.X {
			x, y = c.Min.X, y-row
		}
		icon := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x + box, Y: y + 8}}}
		f.thumbs[i].Thumbnail(&icon)
		c.FillText(style, vg.Point{X: x + box + 5, Y: y + 0.5}, name)
		x += width + gap
	}
	return y - 4
}

// points returns the drawable points of a series in runs without gaps, and the number of the others. It extends r to the
// points.
func (s Series) points(r *bounds) (runs []plotter.XYs, dropped int, err error) {
	if s.X != nil && len(s.X) != len(s.Y) {
		return nil, 0, fmt.Errorf("series %q has %d x and %d y; give as many of each", s.Name, len(s.X), len(s.Y))
	}
	open := false
	for i, y := range s.Y {
		x := float64(i)
		if s.X != nil {
			x = s.X[i]
		}
		if !r.x.drawable(x) || !r.y.drawable(y) {
			dropped++
			open = false
			continue
		}
		if !open {
			runs = append(runs, nil)
			open = true
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], plotter.XY{X: x, Y: y})
		r.x.include(x)
		r.y.include(y)
	}
	return runs, dropped, nil
}
