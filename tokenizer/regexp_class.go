package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// class parses a bracket expression after its opening bracket.
func (t *translator) class(depth int) (runeSet, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("more than %d groups in one another", maxNesting)
	}
	negative := t.take("^")
	all := runeSet{0, unicode.MaxRune + 1} // the intersection of the parts before the last &&
	var set runeSet
	for first := true; ; first = false {
		if t.rest == "" {
			return nil, errors.New("a bracket that has no end")
		}
		if t.take("&&") {
			all, set = all.intersection(set), nil
			continue
		}
		r := t.next()
		if r == ']' && !first {
			all = all.intersection(set)
			if negative {
				return all.complement(), nil
			}
			return all, nil
		}
		if r == '[' {
			inner, err := t.nested(depth)
			if err != nil {
				return nil, err
			}
			set = set.union(inner)
			continue
		}
		if r == '\\' {
			inner, literal, err := t.escape(true)
			if err != nil {
				return nil, err
			}
			if inner != nil {
				set = set.union(inner)
				continue
			}
			r = literal
		}
		last, err := t.rangeEnd(r)
		if err != nil {
			return nil, err
		}
		set = set.union(runeSet{r, last + 1})
	}
}

// rangeEnd returns the last character of a range that starts with r; r itself if it is no range.
func (t *translator) rangeEnd(r rune) (rune, error) {
	if len(t.rest) < 2 || t.rest[0] != '-' || t.rest[1] == ']' {
		return r, nil
	}
	t.next()
	last := t.next()
	if last == '[' {
		return 0, errors.New("a range that ends in a bracket")
	}
	if last == '\\' {
		set, literal, err := t.escape(true)
		if err != nil || set != nil {
			return 0, errors.New("a range that ends in a class")
		}
		last = literal
	}
	if last < r {
		return 0, errors.New("a range that ends before its start")
	}
	return last, nil
}

// nested parses a class in a class: [:alpha:] or a bracket expression.
func (t *translator) nested(depth int) (runeSet, error) {
	if name, rest, ok := strings.Cut(t.rest, ":]"); ok && strings.HasPrefix(name, ":") && !strings.ContainsAny(name, "[]") {
		t.rest = rest
		return property(name[1:])
	}
	return t.class(depth + 1)
}

// escape parses what follows a backslash: a class, or a literal if the class is nil.
func (t *translator) escape(inClass bool) (set runeSet, literal rune, err error) {
	if t.rest == "" {
		return nil, 0, errors.New("a backslash at its end")
	}
	r := t.next()
	switch unicode.ToLower(r) {
	case 's':
		set = setOf(unicode.White_Space)
	case 'd':
		set = setOf(unicode.Nd, newerNumbers)
	case 'w':
		if set = words(); !inClass {
			set = outsideWords()
		}
	case 'h':
		set = runeSet{'0', '9' + 1, 'A', 'F' + 1, 'a', 'f' + 1}
	case 'p':
		name, rest, ok := strings.Cut(t.rest, "}")
		if !ok || !strings.HasPrefix(name, "{") {
			return nil, 0, fmt.Errorf("\\%c without {…}", r)
		}
		t.rest = rest
		name, not := strings.CutPrefix(name[1:], "^")
		if set, err = property(name); err != nil {
			return nil, 0, err
		}
		if not {
			set = set.complement()
		}
	}
	if set != nil {
		if unicode.IsUpper(r) {
			set = set.complement()
		}
		return set, 0, nil
	}
	if at := strings.IndexRune("ntrfvae", r); at >= 0 {
		return nil, rune("\n\t\r\f\v\a\x1b"[at]), nil
	}
	switch {
	case r == 'x' || r == 'u':
		literal, err := t.hexadecimal(r)
		return nil, literal, err
	case r < 0x80 && asciiClass[r] == letter || '0' <= r && r <= '9':
		return nil, 0, fmt.Errorf("\\%c, which is not supported", r)
	}
	return nil, r, nil
}

// hexadecimal parses what follows \x or \u.
func (t *translator) hexadecimal(kind rune) (rune, error) {
	digits, rest := "", ""
	switch {
	case kind == 'x' && strings.HasPrefix(t.rest, "{"):
		digits, rest, _ = strings.Cut(t.rest[1:], "}")
	case kind == 'x' && len(t.rest) >= 2:
		digits, rest = t.rest[:2], t.rest[2:]
	case kind == 'u' && len(t.rest) >= 4:
		digits, rest = t.rest[:4], t.rest[4:]
	}
	value, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || value > unicode.MaxRune {
		return 0, fmt.Errorf("\\%c without hexadecimal digits", kind)
	}
	t.rest = rest
	return rune(value), nil
}

// words is \w in brackets. outsideWords is \w outside of them, which also has the superscripts and fractions of Latin-1.
var (
	words = sync.OnceValue(func() runeSet {
		return setOf(unicode.L, unicode.Nl, unicode.Other_Alphabetic, unicode.M, unicode.Nd, unicode.Pc, newerWords)
	})
	outsideWords = sync.OnceValue(func() runeSet { return words().union(runeSet{'²', '³' + 1, '¹', '¹' + 1, '¼', '¾' + 1}) })
)

// property returns the characters of a Unicode category or script, or of a POSIX class.
func property(name string) (runeSet, error) {
	key := strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(name))
	switch key {
	case "l", "letter":
		return setOf(unicode.L, newerLetters), nil
	case "n", "number":
		return setOf(unicode.N, newerNumbers), nil
	case "alpha", "alphabetic":
		return setOf(unicode.L, newerLetters, unicode.Nl, unicode.Other_Alphabetic), nil
	case "alnum":
		return setOf(unicode.L, newerLetters, unicode.Nl, unicode.Nd, unicode.Other_Alphabetic), nil
	case "word":
		return words(), nil
	case "digit":
		return setOf(unicode.Nd), nil
	case "space", "whitespace":
		return setOf(unicode.White_Space), nil
	case "upper", "uppercase":
		return setOf(unicode.Lu, unicode.Other_Uppercase), nil
	case "lower", "lowercase":
		return setOf(unicode.Ll, unicode.Other_Lowercase), nil
	}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Categories, unicode.Scripts} {
		for other, table := range tables {
			if key == strings.ToLower(strings.ReplaceAll(other, "_", "")) {
				return setOf(table), nil
			}
		}
	}
	for long, short := range unicode.CategoryAliases {
		if key == strings.ToLower(strings.ReplaceAll(long, "_", "")) {
			return setOf(unicode.Categories[short]), nil
		}
	}
	return nil, fmt.Errorf("the class %s, which is not supported", shorten(name))
}
