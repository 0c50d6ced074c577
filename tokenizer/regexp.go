package tokenizer

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// expression is a regular expression with the syntax and the matches of Oniguruma, which Hugging Face's library uses. Package
// regexp2 matches it: it backtracks and knows lookaround, which most patterns of tokenizers need and package regexp lacks.
type expression struct {
	source string
	regexp *regexp2.Regexp
}

// Bounds of matching: an expression such as (a+)+b takes exponential time. They decide whether a caption is an error, never
// which ids it has. As a process may be stopped for a while, matching that takes too long is tried once more.
const (
	maxMatchTime  = time.Second
	maxMatchTries = 2
	maxMatchStack = 1 << 22 // slots of 8 bytes
)

// compileExpression compiles a regular expression; see [translator] for what is supported.
func compileExpression(source string) (*expression, error) {
	translated, err := translate(source)
	if err == nil {
		var r *regexp2.Regexp
		if r, err = regexp2.Compile(translated, regexp2.OptionMaxBacktrackingStackSize(maxMatchStack)); err == nil {
			r.MatchTimeout = maxMatchTime
			return &expression{source: source, regexp: r}, nil
		}
	}
	return nil, fmt.Errorf("has the regular expression %s, with %w", shorten(source), err)
}

// matcher collects the matches of an expression. It is part of the scratch, so that matching allocates nothing.
type matcher struct {
	text     []byte
	runes    []rune
	matches  []match
	rune, at int // a position in runes, and the same in text
	last     int // end of the last match, in bytes; −1: none
	deadline time.Time
	late     bool
	visit    func(regexp2.MatchView) bool // the method add
}

// matchesOf is the pattern of a regular expression.
func matchesOf(e *expression) finder {
	return func(text []byte, s *scratch, matches []match) []match {
		m := &s.matcher
		if m.visit == nil {
			m.visit = m.add
		}
		m.runes = m.runes[:0]
		for at := 0; at < len(text); {
			r, n := rune(text[at]), 1
			if r >= utf8.RuneSelf {
				r, n = utf8.DecodeRune(text[at:])
			}
			m.runes = append(m.runes, r)
			at += n
		}
		m.text = text
		late := true
		for try := 0; try < maxMatchTries && late; try++ {
			m.matches, m.rune, m.at, m.last, m.late = matches, 0, 0, -1, false
			m.deadline = time.Now().Add(maxMatchTime)
			err := e.regexp.FindRunesMatches(m.runes, 0, m.visit)
			late = err != nil || m.late
		}
		if late {
			s.failure = slowPattern(e)
		}
		return between(m.matches, max(m.last, 0), len(text))
	}
}

// add appends a match and the text before it. An empty match right behind a match is none.
func (m *matcher) add(view regexp2.MatchView) bool {
	index, length, _ := view.GroupRange(0)
	start := m.advance(index)
	end := m.advance(index + length)
	if start != end || end != m.last {
		m.matches = append(between(m.matches, max(m.last, 0), start), match{part{start, end}, true})
		m.last = end
	}
	if len(m.matches)%64 == 0 {
		m.late = time.Now().After(m.deadline)
	}
	return !m.late
}

// advance returns the byte at which a character starts. Calls are in increasing order.
func (m *matcher) advance(index int) int {
	for ; m.rune < index; m.rune++ {
		n := 1
		if m.text[m.at] >= utf8.RuneSelf {
			_, n = utf8.DecodeRune(m.text[m.at:])
		}
		m.at += n
	}
	return m.at
}
