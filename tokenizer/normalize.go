package tokenizer

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A step appends the normalised text to dst. Text is valid UTF-8.
type step func(dst, text []byte, s *scratch) []byte

// lowerCase lower-cases every character without its context, as Hugging Face's library does: a final Σ becomes σ.
func lowerCase(dst, text []byte, _ *scratch) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r == 'İ' { // the only character whose lower case has two characters
			dst = append(dst, "i\u0307"...)
		} else {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		i += n
	}
	return dst
}

// form is a Unicode normalisation form.
func form(f norm.Form) step {
	return func(dst, text []byte, _ *scratch) []byte {
		if isASCII(text) {
			return append(dst, text...)
		}
		for at := 0; f >= norm.NFKC && at < len(text); { // norm.NFKC and norm.NFKD
			r, n := utf8.DecodeRune(text[at:])
			if r >= 0x32FF && unicode.Is(olderForms, r) {
				dst = append(f.Append(dst, text[:at]...), text[at:at+n]...)
				text, at = text[at+n:], 0
				continue
			}
			at += n
		}
		return f.Append(dst, text...)
	}
}

func isASCII(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// oneBlank replaces every run of white space by one space.
func oneBlank(dst, text []byte, _ *scratch) []byte {
	for i := 0; i < len(text); {
		c, n := classAt(text, i)
		if c == blank {
			dst = append(dst, ' ')
			i = runEnd(text, i+n, blank)
			continue
		}
		dst = append(dst, text[i:i+n]...)
		i += n
	}
	return dst
}

// mapRunes is a step that replaces single characters: f appends the replacement of r.
func mapRunes(f func(dst []byte, r rune) []byte) step {
	return func(dst, text []byte, _ *scratch) []byte {
		for i := 0; i < len(text); {
			r, n := rune(text[i]), 1
			if r >= utf8.RuneSelf {
				r, n = utf8.DecodeRune(text[i:])
			}
			dst = f(dst, r)
			i += n
		}
		return dst
	}
}

// drop returns a step that drops the characters of a table.
func drop(table *unicode.RangeTable) step {
	return mapRunes(func(dst []byte, r rune) []byte {
		if r >= utf8.RuneSelf && unicode.Is(table, r) {
			return dst
		}
		return utf8.AppendRune(dst, r)
	})
}

// cleanBERT drops control characters and replaces every blank by a space.
var cleanBERT = mapRunes(func(dst []byte, r rune) []byte {
	switch {
	case ' ' < r && r < 0x7F:
		return append(dst, byte(r))
	case r == '\t' || r == '\n' || r == '\r':
		return append(dst, ' ')
	case r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) && !unicode.Is(bertKept, r):
		return dst
	case unicode.IsSpace(r):
		return append(dst, ' ')
	}
	return utf8.AppendRune(dst, r)
})

// separateChinese puts spaces around every Chinese character, so that each is a word.
var separateChinese = mapRunes(func(dst []byte, r rune) []byte {
	if !isChinese(r) {
		return utf8.AppendRune(dst, r)
	}
	dst = append(dst, ' ')
	dst = utf8.AppendRune(dst, r)
	return append(dst, ' ')
})

// isChinese reports whether r is a CJK ideograph; Hangul, Hiragana and Katakana are not. Hugging Face's library leaves out
// U+2B820 to U+2B91F, so we do, too.
func isChinese(r rune) bool {
	return r >= 0x3400 && (r <= 0x4DBF || 0x4E00 <= r && r <= 0x9FFF || 0xF900 <= r && r <= 0xFAFF ||
		0x20000 <= r && r <= 0x2A6DF || 0x2A700 <= r && r <= 0x2B81F || 0x2B920 <= r && r <= 0x2CEAF || 0x2F800 <= r && r <= 0x2FA1F)
}
