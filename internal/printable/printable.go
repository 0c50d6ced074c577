// Package printable makes text of other people fit for messages and terminals: the names of files and classes, captions,
// what a damaged file says. Such text may hold control characters that move the cursor, change the colours or title of a
// terminal, or turn the direction of writing, and it may be long.
package printable

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Most is the number of characters of a file's content that a message repeats.
const Most = 80

// Text returns s with everything escaped that is not printable, as in a Go string: \x1b, \n, \u202e, \xff. Letters of any
// script, marks, digits, symbols and spaces stay as they are.
func Text(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if strconv.IsPrint(r) && !(r == utf8.RuneError && n == 1) {
			b.WriteString(s[:n])
		} else {
			quoted := strconv.QuoteToGraphic(s[:n])
			if r == '\u00a0' || strings.Contains(quoted, s[:n]) { // graphic, but no printable space
				quoted = strconv.QuoteToASCII(s[:n])
			}
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// Short is [Text] of at most [Most] characters; what follows is replaced by an ellipsis.
func Short(s string) string {
	// Escaping makes text longer, so it is enough to look at the beginning.
	if len(s) > Most*utf8.UTFMax {
		s = strings.ToValidUTF8(s[:Most*utf8.UTFMax], "\ufffd") + "…"
	}
	s = Text(s)
	if utf8.RuneCountInString(s) <= Most {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == Most {
			return s[:i] + "…"
		}
	}
	return s
}

// Lines is [Text] that keeps the ends of lines.
func Lines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Text(line)
	}
	return strings.Join(lines, "\n")
}

// Error returns err, or an error that wraps it and whose text is printable. Defer it to cover all errors of a function:
//
//	defer printable.Error(&err)
func Error(err *error) {
	if *err == nil {
		return
	}
	if text := (*err).Error(); Text(text) != text {
		*err = &printed{*err}
	}
}

type printed struct{ err error }

func (p *printed) Error() string { return Text(p.err.Error()) }
func (p *printed) Unwrap() error { return p.err }
