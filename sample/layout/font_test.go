package layout

import (
	"bytes"
	"image"
	"image/color"
	"testing"
)

// glyph returns the pixels of a text in the font of captions.
func glyph(text string) []byte {
	w := newWriter(regular(), 13, color.Black)
	img := image.NewNRGBA(image.Rect(0, 0, 64, 24))
	w.draw(img, []string{text}, 2, 2, 0)
	return img.Pix
}

// TestOtherScripts draws characters that the Go fonts lack: each is drawn, and differs from the box of a missing
// character and from the others.
func TestOtherScripts(t *testing.T) {
	box := glyph("\U0010ffff")
	seen := map[string]rune{}
	for _, r := range "猫狗黄色小鸟黑翅膀繁體鳥のカ한글あ，。" {
		pixels := glyph(string(r))
		switch other, twice := seen[string(pixels)]; {
		case bytes.Equal(pixels, box):
			t.Errorf("%c is a box", r)
		case bytes.Equal(pixels, make([]byte, len(pixels))):
			t.Errorf("%c is blank", r)
		case twice:
			t.Errorf("%c looks like %c", r, other)
		}
		seen[string(pixels)] = r
	}
}

// TestLatinStays checks that letters of the Go fonts are drawn with them, beside other scripts too.
func TestLatinStays(t *testing.T) {
	w := newWriter(regular(), 13, color.Black)
	m := w.face.(*mixedFace)
	for _, r := range "Aé…×0 αж" {
		if m.of(r) != m.Face {
			t.Errorf("%q is not drawn with the Go font", r)
		}
	}
	if w.width("猫狗") < 24 || w.width("a猫") != w.width("a")+w.width("猫") {
		t.Errorf("widths are %d, %d, %d", w.width("猫狗"), w.width("a猫"), w.width("a"))
	}
	if lines := w.wrap("一只有黑色翅膀的黄色小鸟在树枝上", 64, 9); len(lines) < 3 {
		t.Errorf("a text without spaces is wrapped to %q", lines)
	}
}
