package layout

import (
	"image"
	"image/color"
	"image/draw"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
)

// Sizes in pixels.
const (
	margin     = 16
	cellGap    = 6
	sectionGap = 14
	labelGap   = 14
	labelWidth = 150 // a longer section title is wrapped
)

type theme struct{ background, ink, soft color.NRGBA }

var (
	light = theme{color.NRGBA{255, 255, 255, 255}, color.NRGBA{0x22, 0x26, 0x2c, 255}, color.NRGBA{0x5a, 0x62, 0x6c, 255}}
	dark  = theme{color.NRGBA{0x15, 0x17, 0x1b, 255}, color.NRGBA{0xf0, 0xf1, 0xf3, 255}, color.NRGBA{0xaa, 0xb0, 0xb8, 255}}
)

// Grid draws sections of pictures below each other, in common columns. It enlarges pictures by whole factors only and
// keeps their transparency; everything around them is opaque. Errors are [*fault.FieldError].
func Grid(o Options, sections ...Section) (*image.NRGBA, error) {
	g, err := newGrid(o, sections)
	if err != nil {
		return nil, err
	}
	return g.draw(), nil
}

// grid is an arrangement in pixels.
type grid struct {
	theme
	title, label, caption writer
	heading               string
	sections              []Section
	labels                [][]string // a section's title, wrapped
	columns, scale        int
	cell                  image.Point // size, without the caption
	left                  int         // of the first column
}

func newGrid(o Options, sections []Section) (*grid, error) {
	g := &grid{theme: light, heading: o.Title}
	if o.Dark {
		g.theme = dark
	}
	g.title = newWriter(medium(), 19, g.ink)
	g.label = newWriter(medium(), 15, g.ink)
	g.caption = newWriter(regular(), 13, g.soft)

	var counts []int
	var size image.Point // of the largest picture
	captioned, interleaved := false, false
	for _, s := range sections {
		if len(s.Captions) != 0 && len(s.Captions) != len(s.Images) {
			return nil, fault.Field("Captions", len(s.Captions), "must be none, or one for each of the %d pictures of section %q", len(s.Images), s.Title)
		}
		for i, img := range s.Images {
			if !drawable(img) {
				return nil, fault.Field("Images", nil, "picture %d of section %q is empty; leave it out", i, s.Title)
			}
			size.X, size.Y = max(size.X, img.Bounds().Dx()), max(size.Y, img.Bounds().Dy())
		}
		if len(s.Images) == 0 {
			continue
		}
		interleaved = interleaved || s.attached
		captioned = captioned || len(s.Captions) > 0
		counts = append(counts, len(s.Images))
		g.sections = append(g.sections, s)
	}
	if interleaved && o.Columns == 0 && len(counts) > 0 { // Interleave has cut the sections to the width of the grid
		o.Columns = slices.Max(counts)
	}
	var err error
	if g.columns, g.scale, err = o.arrange(size, captioned, counts); err != nil {
		return nil, err
	}
	g.cell = size.Mul(g.scale)
	g.left = margin
	for _, s := range g.sections {
		label := g.label.wrap(s.Title, labelWidth, 6)
		g.labels = append(g.labels, label)
		for _, line := range label {
			g.left = max(g.left, margin+g.label.width(line)+labelGap)
		}
	}
	return g, nil
}

// cell is a picture with its caption at its position in the grid.
type cell struct {
	img     *image.NRGBA
	at      image.Point
	caption []string
}

// placement has the positions of everything in a grid.
type placement struct {
	size      image.Point
	heading   []string
	cells     []cell
	labelTops []int // of each section
}

// place computes the positions, from the top down.
func (g *grid) place() placement {
	width := g.left + g.columns*(g.cell.X+cellGap) - cellGap + margin
	p := placement{heading: g.title.wrap(g.heading, width-2*margin, 3), labelTops: make([]int, len(g.sections))}
	y := margin
	if len(p.heading) > 0 {
		y += len(p.heading)*g.title.lineHeight() + 10
	}
	for i, s := range g.sections {
		switch {
		case i > 0 && s.attached:
			y += cellGap
		case i > 0:
			y += sectionGap
		}
		start := y
		pictures := 0 // height of the section without its last captions
		for first := 0; first < len(s.Images); first += g.columns {
			lines := 0
			for j := first; j < min(first+g.columns, len(s.Images)); j++ {
				c := cell{img: s.Images[j], at: image.Pt(g.left+(j-first)*(g.cell.X+cellGap), y)}
				if len(s.Captions) > 0 {
					c.caption = g.caption.wrap(s.Captions[j], g.cell.X, 3)
					lines = max(lines, len(c.caption))
				}
				p.cells = append(p.cells, c)
			}
			pictures = y + g.cell.Y - start
			y += g.cell.Y + cellGap
			if lines > 0 {
				y += lines*g.caption.lineHeight() + cellGap
			}
		}
		labelHeight := len(g.labels[i]) * g.label.lineHeight()
		p.labelTops[i] = start + max(0, (pictures-labelHeight)/2)
		y = max(y-cellGap, start+labelHeight)
	}
	p.size = image.Pt(width, y+margin)
	return p
}

func (g *grid) draw() *image.NRGBA {
	p := g.place()
	img := image.NewNRGBA(image.Rectangle{Max: p.size})
	draw.Draw(img, img.Bounds(), image.NewUniform(g.background), image.Point{}, draw.Src)
	g.title.draw(img, p.heading, margin, margin-2, 0)
	for i, label := range g.labels {
		g.label.draw(img, label, margin, p.labelTops[i], 0)
	}
	for _, c := range p.cells {
		big := upscale(c.img, g.scale)
		// A smaller picture stands in the middle of its cell.
		paste(img, big, c.at.Add(g.cell.Sub(big.Bounds().Size()).Div(2)))
		g.caption.draw(img, c.caption, c.at.X, c.at.Y+g.cell.Y+3, g.cell.X)
	}
	return img
}

// paste copies part into img at a position, alpha included. Package image/draw would lose the colours of transparent
// pixels.
func paste(img, part *image.NRGBA, at image.Point) {
	for y := range part.Bounds().Dy() {
		copy(img.Pix[img.PixOffset(at.X, at.Y+y):], part.Pix[y*part.Stride:][:4*part.Bounds().Dx()])
	}
}
