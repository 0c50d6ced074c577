package plots

import (
	"fmt"
	"io"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// MaxPanels is the largest number of panels that [Panels] draws.
const MaxPanels = 400

// Panels draws each series in a panel of its own, with its name above and axes from 0 to 1. Values beyond are left out.
func Panels(path string, a Axes, series ...Series) error {
	if len(series) == 0 || len(series) > MaxPanels {
		return fmt.Errorf("%s: cannot draw %d panels; give 1 to %d series", path, len(series), MaxPanels)
	}
	columns := 1
	for columns*columns < len(series) && columns < 8 {
		columns++
	}
	rows := (len(series) + columns - 1) / columns
	side, heading := vg.Length(pairPx+30)*vg.Inch/dpi, vg.Length(36)
	canvas := vgimg.NewWith(vgimg.UseDPI(dpi), vgimg.UseWH(vg.Length(columns)*side, vg.Length(rows)*side+heading))
	all := draw.New(canvas)
	white(all)
	title := textStyle(14, ink, font.Font{})
	all.FillText(title, vg.Point{X: all.Min.X + 10, Y: all.Max.Y - 22}, a.Title)
	for i, s := range series {
		p, err := unitPanel(s)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if i/columns == rows-1 || i+columns >= len(series) {
			p.X.Label.Text = a.X
		}
		if i%columns == 0 {
			p.Y.Label.Text = a.Y
		}
		x, y := vg.Length(i%columns)*side, vg.Length(rows-1-i/columns)*side
		p.Draw(draw.Canvas{Canvas: all.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: x + 6, Y: y + 4}, Max: vg.Point{X: x + side - 6, Y: y + side - 12}}})
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(w)
		return err
	})
}

// unitPanel draws a series with axes from 0 to 1.
func unitPanel(s Series) (*plot.Plot, error) {
	p := newFigure(Axes{}).Plot
	p.Title.Text = s.Name
	p.Title.TextStyle = textStyle(9, ink, font.Font{})
	p.Title.Padding = 3
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Tick.Label.Font = textStyle(7, soft, font.Font{}).Font
		axis.Label.TextStyle.Font = textStyle(8, soft, font.Font{}).Font
	}
	unit := span{min: 0, max: 1, any: true}
	r := bounds{unit, unit}
	runs, _, err := s.points(&r)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		p.Add(line(thin(run), draw.LineStyle{Color: colour(0), Width: 1.4}))
		if len(run) == 1 {
			p.Add(dots(run, 0, 2))
		}
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1.02
	return p, nil
}
