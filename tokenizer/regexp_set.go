package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// runeSet is a set of characters: the first of a range, the one after its last, the first of the next range, and so on.
type runeSet []rune

// setOf returns the characters of tables.
func setOf(tables ...*unicode.RangeTable) (set runeSet) {
	for _, table := range tables {
		var one runeSet
		add := func(lo, hi, stride rune) {
			if stride == 1 {
				one = append(one, lo, hi+1)
				return
			}
			for r := lo; r <= hi; r += stride {
				one = append(one, r, r+1)
			}
		}
		for _, r := range table.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range table.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		set = set.union(one)
	}
	return set
}

// combine returns the characters that are in at least needed of two sets: 1 for the union, 2 for the intersection.
func combine(a, b runeSet, needed int) runeSet {
	var out runeSet
	for i, j := 0, 0; i < len(a) || j < len(b); {
		at := rune(unicode.MaxRune + 1)
		if i < len(a) {
			at = a[i]
		}
		if j < len(b) {
			at = min(at, b[j])
		}
		for i < len(a) && a[i] == at {
			i++
		}
		for j < len(b) && b[j] == at {
			j++
		}
		if in := i%2+j%2 >= needed; in != (len(out)%2 == 1) {
			out = append(out, at)
		}
	}
	return out
}

func (s runeSet) union(other runeSet) runeSet        { return combine(s, other, 1) }
func (s runeSet) intersection(other runeSet) runeSet { return combine(s, other, 2) }

func (s runeSet) complement() runeSet {
	s = slices.Clone(s)
	if len(s) > 0 && s[0] == 0 {
		s = s[1:]
	} else {
		s = slices.Insert(s, 0, 0)
	}
	if n := len(s); n > 0 && s[n-1] == unicode.MaxRune+1 {
		return s[:n-1]
	}
	return append(s, unicode.MaxRune+1)
}

func (s runeSet) has(r rune) bool {
	at, exact := slices.BinarySearch(s, r)
	return (at%2 == 0) == exact
}

// cased are the characters with another case.
var cased = sync.OnceValue(func() (all []rune) {
	for r := range rune(0x20000) {
		if unicode.SimpleFold(r) != r {
			all = append(all, r)
		}
	}
	return all
})

// folded returns the set with the other cases of its characters.
func (s runeSet) folded() runeSet {
	var others []rune
	for _, r := range cased() {
		if s.has(r) {
			for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
				others = append(others, other)
			}
		}
	}
	slices.Sort(others)
	var more runeSet
	for _, r := range slices.Compact(others) {
		more = append(more, r, r+1)
	}
	return s.union(more)
}

// String returns the set in the syntax of regexp2.
func (s runeSet) String() string {
	switch {
	case len(s) == 0:
		return "(?!)"
	case len(s) == 2 && s[1] == s[0]+1:
		return fmt.Sprintf(`\x{%X}`, s[0])
	}
	var out strings.Builder
	out.WriteByte('[')
	for i := 0; i < len(s); i += 2 {
		fmt.Fprintf(&out, `\x{%X}-\x{%X}`, s[i], s[i+1]-1)
	}
	out.WriteByte(']')
	return out.String()
}
