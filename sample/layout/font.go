package layout

import (
	"image"

	"github.com/hajimehoshi/bitmapfont/v3"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// scripts is the font of characters that the Go fonts don't have: Chinese, Japanese and Korean among others, as bitmaps
// of 12×13 pixels.
var scripts = bitmapfont.FaceSC

// mixedFace draws each character with the first of two fonts that has it. It is not safe for concurrent use.
type mixedFace struct {
	font.Face // of latin
	latin     *opentype.Font
	buffer    sfnt.Buffer
	chosen    map[rune]font.Face
}

func newMixedFace(latin *opentype.Font, face font.Face) *mixedFace {
	return &mixedFace{Face: face, latin: latin, chosen: map[rune]font.Face{}}
}

// of returns the face that draws a character. One that no font has is a box.
func (m *mixedFace) of(r rune) font.Face {
	if f, ok := m.chosen[r]; ok {
		return f
	}
	f := m.Face
	if glyph, err := m.latin.GlyphIndex(&m.buffer, r); (err != nil || glyph == 0) && drawn(scripts, r) {
		f = scripts
	}
	m.chosen[r] = f
	return f
}

// drawn reports whether a face draws anything for a character.
func drawn(f font.Face, r rune) bool {
	box, mask, at, _, ok := f.Glyph(fixed.Point26_6{}, r)
	if !ok {
		return false
	}
	for y := range box.Dy() {
		for x := range box.Dx() {
			if _, _, _, alpha := mask.At(at.X+x, at.Y+y).RGBA(); alpha > 0 {
				return true
			}
		}
	}
	return false
}

// Glyph implements font.Face.
func (m *mixedFace) Glyph(dot fixed.Point26_6, r rune) (image.Rectangle, image.Image, image.Point, fixed.Int26_6, bool) {
	return m.of(r).Glyph(dot, r)
}

// GlyphBounds implements font.Face.
func (m *mixedFace) GlyphBounds(r rune) (fixed.Rectangle26_6, fixed.Int26_6, bool) {
	return m.of(r).GlyphBounds(r)
}

// GlyphAdvance implements font.Face.
func (m *mixedFace) GlyphAdvance(r rune) (fixed.Int26_6, bool) { return m.of(r).GlyphAdvance(r) }

// Kern implements font.Face.
func (m *mixedFace) Kern(a, b rune) fixed.Int26_6 {
	if m.of(a) != m.Face || m.of(b) != m.Face {
		return 0
	}
	return m.Face.Kern(a, b)
}
