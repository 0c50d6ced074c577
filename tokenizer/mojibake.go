package tokenizer

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Mojibake is text in UTF-8 that was decoded with a single-byte encoding: "é" became "Ã©". fixEncoding goes back to the bytes
// and decodes every sequence of them that is UTF-8, where the characters are no plausible text; see [isClear].

// maxRepairs bounds repeated repairs. Each undoes one wrong decoding; real text has been through a few.
const maxRepairs = 50

// singleByte is an encoding with one byte a character.
type singleByte struct {
	decode [256]rune
	encode map[rune]byte // of the characters beyond ASCII
}

// singleBytes are the encodings of mojibake. As in browsers, a byte without a character is a control character. Windows-1252
// includes Latin-1: it has both characters for the bytes 80 to 9F.
var singleBytes = sync.OnceValue(func() (all []*singleByte) {
	for _, table := range []*charmap.Charmap{
		charmap.Windows1252, charmap.Windows1251, charmap.Windows1250, charmap.ISO8859_2, charmap.Windows1253, charmap.Windows1254,
		charmap.Windows1257, charmap.Macintosh, charmap.CodePage437,
	} {
		s := &singleByte{encode: make(map[rune]byte, 160)}
		for b := 0x80; b < 0x100; b++ {
			r := table.DecodeByte(byte(b))
			if r == utf8.RuneError {
				r = rune(b)
			}
			s.decode[b], s.encode[r] = r, byte(b)
			if table == charmap.Windows1252 && b < 0xA0 {
				s.encode[rune(b)] = byte(b)
			}
		}
		all = append(all, s)
	}
	return all
})

// mayBeMojibake reports whether text has two characters beyond ASCII in a row.
func mayBeMojibake(text string) bool {
	before := false
	for _, r := range text {
		beyond := r >= utf8.RuneSelf
		if before && beyond {
			return true
		}
		before = beyond
	}
	return false
}

// fixEncoding repairs mojibake until nothing changes any more, and then replaces control characters. Of several encodings, the
// one that repairs most counts: its text is the shortest.
func fixEncoding(text string) string {
	for range maxRepairs {
		if !mayBeMojibake(text) {
			break
		}
		shortest := text
		for _, encoding := range singleBytes() {
			if fixed := encoding.repair(text); utf8.RuneCountInString(fixed) < utf8.RuneCountInString(shortest) {
				shortest = fixed
			}
		}
		if shortest == text {
			break
		}
		text = shortest
	}
	return fixC1(text)
}

// repair decodes the sequences of UTF-8 that are clear, and doubtful ones that stand in a row with a clear one or have the same
// first byte as one.
func (s *singleByte) repair(text string) string {
	runes := []rune(text)
	codes := make([]byte, len(runes)) // 0: a character that the encoding lacks, or ASCII
	for i, r := range runes {
		codes[i] = s.encode[r]
	}
	var clear [256]bool // by the first byte
	for at := 0; at < len(runes); {
		_, n := sequence(codes[at:])
		if n > 1 && isClear(runes[at:at+n], codes[at:at+n]) {
			clear[codes[at]] = true
		}
		at += n
	}
	var out strings.Builder
	for at := 0; at < len(runes); {
		end, isMojibake := at, false // of the row of sequences
		for end < len(runes) {
			_, n := sequence(codes[end:])
			if n == 1 {
				break
			}
			isMojibake = isMojibake || clear[codes[end]]
			end += n
		}
		switch {
		case isMojibake:
			out.Write(codes[at:end])
		case end == at:
			end++
			fallthrough
		default:
			out.WriteString(string(runes[at:end]))
		}
		at = end
	}
	return out.String()
}

// sequence returns the character that the first bytes are in UTF-8, and their number; 1 if they are no character.
func sequence(codes []byte) (r rune, n int) {
	r, n = utf8.DecodeRune(codes)
	if n > 1 && !unicode.IsGraphic(r) && !unicode.In(r, unicode.Cc, unicode.Cf) && r != 0xF8FF { // Apple's logo in MacRoman
		return r, 1
	}
	return r, n
}

// isClear reports whether a sequence is mojibake in any text. Real text has an accented letter before other letters, before
// quotes, dashes and trademarks ("CAFÉ™", "résumé…”", "VÝŽIVA"), but hardly before or after another symbol or a number, or
// before what opens a phrase. "Â", "Ã" and "â" begin most of mojibake, as does what the bytes E2 80 of quotes and dashes become.
func isClear(runes []rune, codes []byte) bool {
	switch first := runes[0]; {
	case first == 'Â', first == 'â', codes[0] == 0xE2 && codes[1] == 0x80:
		return true
	case first == 'Ã':
		return !strings.ContainsRune("’”»–—…", runes[1]) // "MAÇÃ”" is Portuguese
	}
	plausible := "™®№"
	if unicode.In(runes[0], unicode.Cyrillic, unicode.Greek) {
		plausible = "™®№°²³"
	}
	for _, r := range runes {
		if unicode.In(r, unicode.S, unicode.N, unicode.C) && !strings.ContainsRune(plausible, r) || strings.ContainsRune("¡¿‚„†‡", r) {
			return true
		}
	}
	return false
}

// fixC1 replaces the control characters U+0080 to U+009F by the characters that Windows-1252 has at these bytes.
func fixC1(text string) string {
	return strings.Map(func(r rune) rune {
		if 0x80 <= r && r <= 0x9F {
			return singleBytes()[0].decode[r]
		}
		return r
	}, text)
}
