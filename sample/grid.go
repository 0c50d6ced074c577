package sample

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
)

// Section is a block of pictures under one title, such as the samples of a class.
type Section struct {
	Title    string         // to the left of the pictures; may be empty
	Images   []*image.NRGBA // of any sizes; a cell is as large as the largest
	Captions []string       // below the pictures: none, or one a picture
	attached bool           // belongs to the section above (see [Interleave])
}

// Layout says how [Grid] arranges pictures. The zero value chooses by itself.
type Layout struct {
	Title   string // above everything; may be empty
	Columns int    // 0: so that the grid is compact and its rows are full
	Scale   int    // every pixel becomes Scale×Scale; 0: so that pictures are easily seen
	Dark    bool   // a dark background
}

// maxSide bounds the grid's width and height, in pixels: 1 GB of memory.
const maxSide = 16384

// Sizes in pixels.
const (
	margin     = 16
	cellGap    = 6
	sectionGap = 14
	labelGap   = 14
	labelWidth = 150 // the widest that a section's title gets before it is wrapped
)

type theme struct{ background, ink, soft color.NRGBA }

var (
	light = theme{color.NRGBA{255, 255, 255, 255}, color.NRGBA{0x22, 0x26, 0x2c, 255}, color.NRGBA{0x5a, 0x62, 0x6c, 255}}
	dark  = theme{color.NRGBA{0x15, 0x17, 0x1b, 255}, color.NRGBA{0xf0, 0xf1, 0xf3, 255}, color.NRGBA{0xaa, 0xb0, 0xb8, 255}}
)

// Grid draws sections of pictures below each other, in common columns. The
// pictures are enlarged by whole factors only and stay sharp, and keep their
// transparency; what is around them is opaque.
func Grid(l Layout, sections ...Section) (*image.NRGBA, error) {
	g, err := newGrid(l, sections)
	if err != nil {
		return nil, err
	}
	return g.draw(), nil
}

// Check tells whether [Grid] would refuse sections of so many pictures of a size, without captions, so that it is known before they are made.
func (l Layout) Check(size image.Point, counts ...int) error {
	_, _, err := l.arrange(size, false, counts)
	return err
}

// arrange settles the columns and the scale for sections of so many pictures.
func (l Layout) arrange(size image.Point, captioned bool, counts []int) (columns, scale int, err error) {
	if l.Columns < 0 || l.Scale < 0 {
		return 0, 0, fmt.Errorf("a grid of %d columns at scale %d cannot be drawn; use 1 or more, or 0 to choose", l.Columns, l.Scale)
	}
	widest := 0
	for _, n := range counts {
		widest = max(widest, n)
	}
	if widest == 0 {
		return 0, 0, errors.New("there are no pictures to draw; ask for one or more")
	}
	if columns = min(l.Columns, widest); columns == 0 {
		columns = Columns(counts...)
	}
	rows := 0
	for _, n := range counts {
		rows += (n + columns - 1) / columns
	}
	if scale = l.Scale; scale == 0 {
		scale = autoScale(size, columns, rows, captioned)
	}
	if size.X > maxSide/scale/columns || size.Y > maxSide/scale/rows {
		return 0, 0, fmt.Errorf("%d columns and %d rows of %d×%d pixels at scale %d are more than %d pixels a side; draw fewer pictures at a time, or choose other columns or a smaller scale",
			columns, rows, size.X, size.Y, scale, maxSide)
	}
	return columns, scale, nil
}

// grid is a layout worked out in pixels.
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

func newGrid(l Layout, sections []Section) (*grid, error) {
	g := &grid{theme: light, heading: l.Title}
	if l.Dark {
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
			return nil, fmt.Errorf("section %q has %d captions for %d pictures; give none or one a picture", s.Title, len(s.Captions), len(s.Images))
		}
		for i, img := range s.Images {
			if img == nil || img.Bounds().Empty() {
				return nil, fmt.Errorf("picture %d of section %q is empty; leave it out", i, s.Title)
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
	if interleaved && l.Columns == 0 && len(counts) > 0 { // already cut to the width of the grid
		l.Columns = slices.Max(counts)
	}
	var err error
	if g.columns, g.scale, err = l.arrange(size, captioned, counts); err != nil {
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

func (g *grid) draw() *image.NRGBA {
	width := g.left + g.columns*(g.cell.X+cellGap) - cellGap + margin
	top := margin
	heading := g.title.wrap(g.heading, width-2*margin, 3)
	if len(heading) > 0 {
		top += len(heading)*g.title.lineHeight() + 10
	}
	type cell struct {
		img     *image.NRGBA
		at      image.Point
		caption []string
	}
	var cells []cell
	labelTops := make([]int, len(g.sections))
	y := top
	for i, s := range g.sections {
		if i > 0 {
			y += sectionGap
			if s.attached {
				y += cellGap - sectionGap
			}
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
				cells = append(cells, c)
			}
			pictures = y + g.cell.Y - start
			y += g.cell.Y + cellGap
			if lines > 0 {
				y += lines*g.caption.lineHeight() + cellGap
			}
		}
		labelHeight := len(g.labels[i]) * g.label.lineHeight()
		labelTops[i] = start + max(0, (pictures-labelHeight)/2)
		y = max(y-cellGap, start+labelHeight)
	}

	img := image.NewNRGBA(image.Rect(0, 0, width, y+margin))
	draw.Draw(img, img.Bounds(), image.NewUniform(g.background), image.Point{}, draw.Src)
	g.title.draw(img, heading, margin, margin-2, 0)
	for i, label := range g.labels {
		g.label.draw(img, label, margin, labelTops[i], 0)
	}
	for _, c := range cells {
		big := upscale(c.img, g.scale)
		// Smaller pictures stand in the middle of their cells.
		at := c.at.Add(g.cell.Sub(big.Bounds().Size()).Div(2))
		paste(img, big, at)
		g.caption.draw(img, c.caption, c.at.X, c.at.Y+g.cell.Y+3, g.cell.X)
	}
	return img
}

// paste replaces what is in img at a place by part, alpha included; drawing would
// lose the colours of transparent pixels.
func paste(img, part *image.NRGBA, at image.Point) {
	for y := range part.Bounds().Dy() {
		copy(img.Pix[img.PixOffset(at.X, at.Y+y):], part.Pix[y*part.Stride:][:4*part.Bounds().Dx()])
	}
}

// Interleave cuts sections into rows of so many columns and takes one of each in
// turn, so that what belongs together, such as originals and their
// reconstructions, stands one above the other. 0 chooses the number of columns.
func Interleave(columns int, sections ...Section) []Section {
	counts, longest := make([]int, len(sections)), 0
	for i, s := range sections {
		counts[i] = len(s.Images)
		longest = max(longest, counts[i])
	}
	if columns <= 0 {
		columns = Columns(counts...)
	}
	cut := func(first, n int) (from, to int) { return min(first, n), min(first+columns, n) }
	var rows []Section
	for first := 0; first < longest; first += columns {
		for i, s := range sections {
			part := Section{Title: s.Title, attached: i > 0}
			from, to := cut(first, len(s.Images))
			part.Images = s.Images[from:to]
			from, to = cut(first, len(s.Captions))
			part.Captions = s.Captions[from:to]
			rows = append(rows, part)
		}
	}
	return rows
}

// Columns chooses the number of columns for sections of so many pictures each:
// a compromise between a slightly wide rectangle and full rows.
func Columns(counts ...int) int {
	total, most := 0, 1
	for _, n := range counts {
		total += n
		most = max(most, n)
	}
	best, bestCost := 1, math.Inf(1)
	for c := 1; c <= min(most, 2*int(math.Sqrt(float64(total)))+3); c++ {
		rows := 0
		for _, n := range counts {
			rows += (n + c - 1) / c
		}
		if rows == 0 {
			continue
		}
		shape := math.Abs(math.Log(float64(c) / float64(rows) / 1.25))
		empty := 1 - float64(total)/float64(rows*c)
		if cost := shape + 4*empty; cost < bestCost {
			best, bestCost = c, cost
		}
	}
	return best
}

// autoScale enlarges pictures to about 192 pixels, a few of them to 256, as long
// as the grid stays below 1,400 pixels a side; captions need 128.
func autoScale(size image.Point, columns, rows int, captioned bool) int {
	side := max(size.X, size.Y)
	cell := 192
	if columns*rows <= 6 {
		cell = 256
	}
	scale := min(cell/side, 1400/(columns*size.X), 1400/(rows*size.Y))
	if captioned {
		scale = max(scale, 128/side)
	}
	return max(1, scale)
}
