package tokenizer

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

func isBlank(r rune) bool { return unicode.IsSpace(r) }

// rewrite returns a stage that changes the text of every piece: change appends the new text of a piece.
func rewrite(change func(dst, text []byte, first bool) []byte) stage {
	return func(p *pieces, s *scratch) {
		text := s.rewritten[:0]
		for i, piece := range p.parts {
			start := len(text)
			text = change(text, p.text[piece.start:piece.end], p.first && piece.start == 0)
			p.parts[i] = part{start, len(text)}
		}
		s.rewritten, s.other = s.other, text
		p.text = text
	}
}

// byteCharacters writes every byte as the character of the byte-level alphabet.
func byteCharacters(dst, text []byte, _ bool) []byte {
	for _, b := range text {
		dst = utf8.AppendRune(dst, byteRune[b])
	}
	return dst
}

// spaceBefore puts a space before a piece that doesn't start with one.
func spaceBefore(dst, text []byte, _ bool) []byte {
	if len(text) > 0 && text[0] != ' ' {
		dst = append(dst, ' ')
	}
	return append(dst, text...)
}

// metaspace returns the stage that writes spaces as a replacement, and puts one before pieces: always, the first one of the
// input only, or never.
func metaspace(replacement, scheme string) stage {
	return rewrite(func(dst, text []byte, first bool) []byte {
		if len(text) == 0 {
			return dst
		}
		starts := text[0] == ' ' || bytes.HasPrefix(text, []byte(replacement))
		if !starts && (scheme == "always" || scheme == "first" && first) {
			dst = append(dst, replacement...)
		}
		for _, b := range text {
			if b == ' ' {
				dst = append(dst, replacement...)
			} else {
				dst = append(dst, b)
			}
		}
		return dst
	})
}
