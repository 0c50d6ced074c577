package tokenizer

import (
	"bytes"
	"unicode/utf8"
)

// pieces is a text with the parts of it that are left: pre-tokenizers split them, and change the text.
type pieces struct {
	text  []byte
	parts []part
	first bool // the text is the start of the whole input
}

type part struct{ start, end int }

// stage is a pre-tokenizer.
type stage func(p *pieces, s *scratch)

// match is a part of a piece, and whether the pattern matches it.
type match struct {
	part
	hit bool
}

// finder appends the matches in text and what is between them, which together are the whole text.
type finder func(text []byte, s *scratch, matches []match) []match

// behavior is what a split does with the matches of its pattern, with Hugging Face's names.
type behavior string

const (
	removed            behavior = "Removed"
	isolated           behavior = "Isolated"
	contiguous         behavior = "Contiguous"
	mergedWithPrevious behavior = "MergedWithPrevious"
	mergedWithNext     behavior = "MergedWithNext"
)

// split returns the stage that splits every piece by a pattern.
func split(find finder, how behavior) stage {
	return func(p *pieces, s *scratch) {
		out := s.parts[:0]
		for _, piece := range p.parts {
			s.matches = find(p.text[piece.start:piece.end], s, s.matches[:0])
			out = appendParts(out, s.matches, piece.start, how)
		}
		s.parts, p.parts = p.parts, out
	}
}

// appendParts appends the parts that a split leaves; from is the position of the piece. Empty parts are dropped.
func appendParts(out []part, matches []match, from int, how behavior) []part {
	begin := len(out)
	before := false // whether the last match was a hit
	add := func(m match) { out = append(out, part{from + m.start, from + m.end}) }
	switch how {
	case mergedWithNext:
		// From right to left, a hit joins what follows it, unless that is a hit.
		for i := len(matches) - 1; i >= 0; i-- {
			m := matches[i]
			if m.hit && !before && len(out) > begin {
				out[len(out)-1].start = from + m.start
			} else {
				add(m)
			}
			before = m.hit
		}
		for i, j := begin, len(out)-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
	default:
		for _, m := range matches {
			joins := how == contiguous && m.hit == before || how == mergedWithPrevious && m.hit && !before
			switch {
			case joins && len(out) > begin:
				out[len(out)-1].end = from + m.end
			case how == removed && m.hit:
			default:
				add(m)
			}
			before = m.hit
		}
	}
	kept := out[:begin]
	for _, p := range out[begin:] {
		if p.start < p.end {
			kept = append(kept, p)
		}
	}
	return kept
}

// between appends what is between two matches, if it is not empty.
func between(matches []match, from, to int) []match {
	if from < to {
		return append(matches, match{part{from, to}, false})
	}
	return matches
}

// characters is the pattern of single characters.
func characters(has func(rune) bool) finder {
	set := newCharset(has)
	return func(text []byte, _ *scratch, matches []match) []match {
		from := 0
		for at := 0; at < len(text); {
			if n := set.at(text, at); n > 0 {
				matches = append(between(matches, from, at), match{part{at, at + n}, true})
				at += n
				from = at
				continue
			}
			_, n := utf8.DecodeRune(text[at:])
			at += n
		}
		return between(matches, from, len(text))
	}
}

// literalText is the pattern of a text.
func literalText(literal string) finder {
	search := []byte(literal)
	return func(text []byte, _ *scratch, matches []match) []match {
		from := 0
		for len(search) > 0 {
			n := bytes.Index(text[from:], search)
			if n < 0 {
				break
			}
			at := from + n
			matches = append(between(matches, from, at), match{part{at, at + len(search)}, true})
			from = at + len(search)
		}
		return between(matches, from, len(text))
	}
}

// inverted is a pattern that matches what another one doesn't.
func inverted(find finder) finder {
	return func(text []byte, s *scratch, matches []match) []match {
		begin := len(matches)
		matches = find(text, s, matches)
		for i := range matches[begin:] {
			matches[begin+i].hit = !matches[begin+i].hit
		}
		return matches
	}
}

// wordRuns is the pattern of Whitespace: blanks are hits; runs of word characters, and of other characters, are not.
func wordRuns(text []byte, _ *scratch, matches []match) []match {
	class := func(at int) (kind, n int) {
		r, n := utf8.DecodeRune(text[at:])
		switch {
		case isWord(r) || isJoiner(r):
			return 1, n
		case isBlank(r):
			return 0, n
		}
		return 2, n
	}
	for at := 0; at < len(text); {
		kind, n := class(at)
		end := at + n
		for end < len(text) {
			next, n := class(end)
			if next != kind {
				break
			}
			end += n
		}
		matches = append(matches, match{part{at, end}, kind == 0})
		at = end
	}
	return matches
}

// eachLength is the pattern of pieces of length characters.
func eachLength(length int) finder {
	return func(text []byte, _ *scratch, matches []match) []match {
		from, n := 0, 0
		for at := 0; at < len(text); n++ {
			if n == length {
				matches = append(matches, match{part{from, at}, false})
				from, n = at, 0
			}
			_, size := utf8.DecodeRune(text[at:])
			at += size
		}
		return between(matches, from, len(text))
	}
}
