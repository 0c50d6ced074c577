package drawn

import (
	"fmt"
	"math"
)

// Colour is a colour of the palette.
type Colour int

// The palette. The colours differ enough from each other and from every background to be recognised in a blurred picture.
const (
	Red Colour = iota
	Yellow
	Green
	Blue
	Black
	White
	Brown
	Orange
	colours int = iota
)

var palette = [colours]struct {
	name  string
	paint color
}{
	Red:    {"red", color{0.82, 0.11, 0.14, 1}},
	Yellow: {"yellow", color{0.98, 0.84, 0.12, 1}},
	Green:  {"green", color{0.13, 0.56, 0.2, 1}},
	Blue:   {"blue", color{0.13, 0.32, 0.84, 1}},
	Black:  {"black", color{0.1, 0.1, 0.12, 1}},
	White:  {"white", color{0.98, 0.98, 0.97, 1}},
	Brown:  {"brown", color{0.46, 0.27, 0.13, 1}},
	Orange: {"orange", color{0.97, 0.5, 0.06, 1}},
}

var (
	// plumages are the colours of wings and bellies.
	plumages = []Colour{Red, Yellow, Green, Blue, Black, White, Brown}
	// bills are the colours of bills.
	bills = []Colour{Orange, Black, White, Blue}
)

// String returns the colour's name, as in captions.
func (c Colour) String() string {
	if c < 0 || int(c) >= colours {
		return fmt.Sprintf("Colour(%d)", int(c))
	}
	return palette[c].name
}

// shade varies the colour at random.
func (c Colour) shade(r dice) color {
	p := palette[c].paint
	light := r.in(-0.05, 0.05)
	vary := func(v float32) float32 { return min(max(v+float32(light+r.in(-0.035, 0.035)), 0), 1) }
	return color{vary(p.r), vary(p.g), vary(p.b), 1}
}

// nearest returns the colour that is nearest to rgb (0 to 1), and a confidence: 1 − its distance / that of the second nearest.
func nearest(rgb [3]float32, among []Colour) (Colour, float64) {
	best, least, next := among[0], math.Inf(1), math.Inf(1)
	for _, c := range among {
		p := palette[c].paint
		r, g, b := float64(rgb[0]-p.r), float64(rgb[1]-p.g), float64(rgb[2]-p.b)
		d := math.Sqrt(r*r + g*g + b*b)
		if d < least {
			best, least, next = c, d, least
		} else {
			next = min(next, d)
		}
	}
	return best, 1 - least/next
}
