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
	whole       bool // it is not part of a longer word
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

// literalSearch finds the added tokens of a text one after the other, as Hugging Face's library does.
type literalSearch struct {
	*literals
	text     []byte
	at       int // where the search goes on
	from     int // start of the text before the token that was found
	to       int // its end
	resume   int // end of the token with its blanks
	id       int32
	finished bool
}

func (l *literals) search(text []byte) literalSearch {
	return literalSearch{literals: l, text: text}
}

// before returns the text between the token before and this one.
func (s *literalSearch) before() []byte { return s.text[s.from:s.to] }

// next finds the next token; at the end of the text it has the rest before it and the id −1. It returns false after that.
func (s *literalSearch) next() bool {
	if s.finished {
		return false
	}
	s.from = s.resume
	for len(s.tokens) > 0 && s.at < len(s.text) {
		t := s.tokenAt()
		if t == nil {
			s.at++
			continue
		}
		start, end := s.at, s.at+len(t.text)
		s.at = end
		if t.whole && s.insideWord(start, end) {
			continue
		}
		for t.left && start > s.from {
			r, n := utf8.DecodeLastRune(s.text[:start])
			if !unicode.IsSpace(r) {
				break
			}
			start = max(start-n, s.from)
		}
		if t.right {
			end = runEnd(s.text, end, blank)
		}
		s.to, s.resume, s.id = max(start, s.from), end, t.id
		return true
	}
	s.to, s.id, s.finished = max(len(s.text), s.from), -1, true
	return true
}

// tokenAt returns the token that starts where the search is; nil if there is none.
func (s *literalSearch) tokenAt() *literal {
	if !s.begins[s.text[s.at]] {
		return nil
	}
	for i := range s.tokens {
		if t := &s.tokens[i]; bytes.HasPrefix(s.text[s.at:], t.text) {
			return t
		}
	}
	return nil
}

// insideWord reports whether a word goes on before or after a part of the text.
func (s *literalSearch) insideWord(start, end int) bool {
	if start > 0 {
		if r, _ := utf8.DecodeLastRune(s.text[:start]); isWord(r) || isJoiner(r) {
			return true
		}
	}
	if end < len(s.text) {
		if r, _ := utf8.DecodeRune(s.text[end:]); isWord(r) || isJoiner(r) {
			return true
		}
	}
	return false
}
