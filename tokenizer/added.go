package tokenizer

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// literal is an added token: the text is searched for it before it is split into words.
type literal struct {
	text        []byte
	id          int32
	left, right bool // it includes the blanks on that side
}

// literals finds added tokens. If several start at one place, the longest is found.
type literals struct {
	tokens []literal
	begins [256]bool // by first byte
}

func newLiterals(tokens []literal) literals {
	l := literals{tokens: slices.Clone(tokens)}
	slices.SortStableFunc(l.tokens, func(a, b literal) int { return len(b.text) - len(a.text) })
	for _, t := range l.tokens {
		l.begins[t.text[0]] = true
	}
	return l
}

// find returns the first added token in text with its blanks. If there is none, it returns id −1 at the end of text.
func (l *literals) find(text []byte) (start, end int, id int32) {
	if len(l.tokens) == 0 {
		return len(text), len(text), -1
	}
	for at, c := range text {
		if !l.begins[c] {
			continue
		}
		for _, t := range l.tokens {
			if !bytes.HasPrefix(text[at:], t.text) {
				continue
			}
			start, end = at, at+len(t.text)
			for t.left && start > 0 {
				r, n := utf8.DecodeLastRune(text[:start])
				if !unicode.IsSpace(r) {
					break
				}
				start -= n
			}
			if t.right {
				end = runEnd(text, end, blank)
			}
			return start, end, t.id
		}
	}
	return len(text), len(text), -1
}
