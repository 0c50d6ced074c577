package tokenizer

import "unicode/utf8"

// charset is a set of characters.
type charset struct {
	ascii  [utf8.RuneSelf]bool
	others func(rune) bool
}

func newCharset(has func(rune) bool) *charset {
	c := &charset{others: has}
	for r := range c.ascii {
		c.ascii[r] = has(rune(r))
	}
	return c
}

// at returns the length of the character at a position if it belongs to the set; otherwise 0.
func (c *charset) at(text []byte, at int) int {
	if at >= len(text) {
		return 0
	}
	if b := text[at]; b < utf8.RuneSelf {
		if c.ascii[b] {
			return 1
		}
		return 0
	}
	r, n := utf8.DecodeRune(text[at:])
	if c.others(r) {
		return n
	}
	return 0
}
