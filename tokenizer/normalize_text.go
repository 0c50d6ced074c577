package tokenizer

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// replaceMatches is the step that replaces every match of a pattern by content.
func replaceMatches(find finder, content string) step {
	return func(dst, text []byte, s *scratch) []byte {
		s.matches = find(text, s, s.matches[:0])
		for _, m := range s.matches {
			if m.hit {
				dst = append(dst, content...)
			} else {
				dst = append(dst, text[m.start:m.end]...)
			}
		}
		return dst
	}
}

// strip is the step that drops the blanks at the ends.
func strip(left, right bool) step {
	return func(dst, text []byte, _ *scratch) []byte {
		if left {
			text = bytes.TrimLeftFunc(text, unicode.IsSpace)
		}
		if right {
			text = bytes.TrimRightFunc(text, unicode.IsSpace)
		}
		return append(dst, text...)
	}
}

// prepend is the step that puts content before text that is not empty.
func prepend(content string) step {
	return func(dst, text []byte, _ *scratch) []byte {
		if len(text) > 0 {
			dst = append(dst, content...)
		}
		return append(dst, text...)
	}
}

// byteAlphabet is the step that writes every byte as its character of the byte-level alphabet.
func byteAlphabet(dst, text []byte, _ *scratch) []byte { return byteCharacters(dst, text, false) }

// nmt is SentencePiece's clean-up for machine translation: it drops control characters and replaces blanks and invisible
// characters by a space.
var nmt = mapRunes(func(dst []byte, r rune) []byte {
	switch {
	case 1 <= r && r <= 8, r == 0x0B, 0x0E <= r && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
		return dst
	case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, 0x200B <= r && r <= 0x200F, r == 0x2028, r == 0x2029, r == 0x2581,
		r == 0xFEFF, r == 0xFFFD:
		return append(dst, ' ')
	}
	return utf8.AppendRune(dst, r)
})
