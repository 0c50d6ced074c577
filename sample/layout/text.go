package layout

import (
	"image"
	"image/color"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// The fonts are embedded in the program, so parsing them can't fail.
var (
	regular = sync.OnceValue(func() *opentype.Font { return mustParse(goregular.TTF) })
	medium  = sync.OnceValue(func() *opentype.Font { return mustParse(gomedium.TTF) })
)

func mustParse(ttf []byte) *opentype.Font {
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic(err)
	}
	return f
}

// writer draws text in one font, size and colour. It is not safe for concurrent use.
type writer struct {
	face   font.Face
	colour color.Color
}

func newWriter(f *opentype.Font, pixels float64, c color.Color) writer {
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: pixels, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic(err) // can't happen with embedded fonts and constant sizes
	}
	return writer{newMixedFace(f, face), c}
}

func (w writer) width(s string) int { return font.MeasureString(w.face, s).Ceil() }

func (w writer) lineHeight() int { return w.face.Metrics().Height.Ceil() }

// draw draws lines below each other from top: centred between left and left+width, or from left if width is 0.
func (w writer) draw(img *image.NRGBA, lines []string, left, top, width int) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(w.colour), Face: w.face}
	for i, line := range lines {
		x := left
		if width > 0 {
			x += (width - w.width(line)) / 2
		}
		d.Dot = fixed.P(x, top+i*w.lineHeight()+w.face.Metrics().Ascent.Ceil())
		d.DrawString(line)
	}
}

// wrap breaks text into at most limit lines no wider than width. It breaks between words, and inside a word only if the
// word alone is too wide. A text that is cut ends in "…".
func (w writer) wrap(text string, width, limit int) []string {
	var lines []string
	line := ""
	words := strings.Fields(text)
	for len(words) > 0 {
		candidate := strings.TrimPrefix(line+" "+words[0], " ")
		switch {
		case w.width(candidate) <= width:
			line, words = candidate, words[1:]
			continue
		case line == "":
			head := w.fit(words[0], width)
			line, words[0] = head, words[0][len(head):]
			if words[0] == "" {
				words = words[1:]
			}
		}
		lines, line = append(lines, line), ""
		if len(lines) == limit && len(words) > 0 {
			last := lines[limit-1]
			lines[limit-1] = w.fit(last, width-w.width("…")) + "…"
			return lines
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// fit returns the longest prefix of s that is no wider than width, at least one character.
func (w writer) fit(s string, width int) string {
	end := 0
	for i, r := range s {
		next := i + len(string(r))
		if end > 0 && w.width(s[:next]) > width {
			break
		}
		end = next
	}
	return s[:end]
}
