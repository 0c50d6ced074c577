package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of an expression: its bytes, those of its translation, groups in one another, and the numbers in braces.
const (
	maxExpression = 20_000
	maxTranslated = 4 << 20
	maxNesting    = 50
	maxRepeat     = 1000
)

// translator translates a regular expression from Oniguruma's syntax to that of regexp2. Character classes become explicit
// ranges, as the two libraries know different versions of Unicode. Supported are literals, classes with ranges, \p{…} and
// intersections, groups, alternatives, greedy, lazy and possessive repetition, atomic groups, (?i), (?m), assertions, and
// lookaround. Back references, conditions, \R, \X, \G and \K are errors.
type translator struct {
	rest    string
	out     []byte
	fold    bool // (?i): upper and lower case are the same
	dotAll  bool // (?m): . is any character
	behind  bool // in a lookbehind
	literal rune // the last atom was this literal; 0: something else
}

func translate(source string) (string, error) {
	if len(source) > maxExpression {
		return "", fmt.Errorf("more than %d bytes", maxExpression)
	}
	t := &translator{rest: source}
	if err := t.alternatives(0); err != nil {
		return "", err
	}
	if t.rest != "" {
		return "", errors.New("a parenthesis that nothing opens")
	}
	return string(t.out), nil
}

// take removes a prefix of what is left, if it is there.
func (t *translator) take(prefix string) bool {
	rest, ok := strings.CutPrefix(t.rest, prefix)
	t.rest = rest
	return ok
}

// next removes and returns the next character.
func (t *translator) next() rune {
	r, n := utf8.DecodeRuneInString(t.rest)
	t.rest = t.rest[n:]
	return r
}

func (t *translator) write(text string) { t.out = append(t.out, text...) }

// alternatives translates up to the end of a group.
func (t *translator) alternatives(depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("more than %d groups in one another", maxNesting)
	}
	fold, dotAll := t.fold, t.dotAll
	for {
		t.literal = 0
		for first := true; t.rest != "" && t.rest[0] != '|' && t.rest[0] != ')'; first = false {
			before, start := t.literal, len(t.out)
			isAssertion, err := t.atom(depth, first)
			if err != nil {
				return err
			}
			if len(t.out) > maxTranslated {
				return fmt.Errorf("more classes than fit into %d bytes", maxTranslated)
			}
			if t.fold && before != 0 && t.literal != 0 && foldsTogether(before, t.literal) {
				return errors.New("letters that are one character in another case")
			}
			if err := t.repeat(start, isAssertion); err != nil {
				return err
			}
		}
		if !t.take("|") {
			break
		}
		t.write("|")
	}
	t.fold, t.dotAll, t.literal = fold, dotAll, 0
	return nil
}

// foldsTogether reports whether two letters fold to a single character, as ss to ß, which is not supported.
func foldsTogether(a, b rune) bool {
	return strings.Contains("ss st ff fi fl ʼn i̇ ", string([]rune{unicode.ToLower(a), unicode.ToLower(b)}))
}

// Assertions. In Oniguruma, ^ and $ are at the ends of every line.
var assertions = map[rune]string{
	'A': `\A`,
	'z': `\z`,
	'Z': `(?=\n?\z)`,
	'^': `(?:\A|(?<=\n)(?!\z))`,
	'$': `(?=\n|\z)`,
}

// atom translates what a quantifier may follow.
func (t *translator) atom(depth int, first bool) (isAssertion bool, err error) {
	t.literal = 0
	r := t.next()
	switch r {
	case '(':
		return t.group(depth, first)
	case '[':
		set, err := t.class(depth)
		t.writeSet(set)
		return false, err
	case '.':
		set := runeSet{0, unicode.MaxRune + 1}
		if !t.dotAll {
			set = runeSet{'\n', '\n' + 1}.complement()
		}
		t.write(set.String())
		return false, nil
	case '^', '$':
		t.write(assertions[r])
		return true, nil
	case '*', '+', '?':
		return false, fmt.Errorf("a %c that repeats nothing", r)
	case '\\':
		if t.rest != "" && strings.ContainsRune("AzZ", rune(t.rest[0])) {
			t.write(assertions[t.next()])
			return true, nil
		}
		if t.rest != "" && (t.rest[0] == 'b' || t.rest[0] == 'B') {
			word, look := outsideWords().String(), [2]string{"!", "="}
			if t.next() == 'B' {
				look = [2]string{"=", "!"}
			}
			t.write("(?:(?<=" + word + ")(?" + look[0] + word + ")|(?<!" + word + ")(?" + look[1] + word + "))")
			return true, nil
		}
		set, literal, err := t.escape(false)
		if err != nil {
			return false, err
		}
		if set != nil {
			t.writeSet(set)
			return false, nil
		}
		r = literal
	}
	t.literal = r
	t.writeSet(runeSet{r, r + 1})
	return false, nil
}

// writeSet writes a set of characters, in both cases if that is on.
func (t *translator) writeSet(set runeSet) {
	if t.fold {
		set = set.folded()
	}
	t.write(set.String())
}

// repeat translates a quantifier after the atom that starts at a place of the output.
func (t *translator) repeat(start int, isAssertion bool) error {
	quantifier, braces := "", false
	switch {
	case t.rest == "":
		return nil
	case strings.ContainsRune("*+?", rune(t.rest[0])):
		quantifier = string(t.next())
	case t.rest[0] == '{':
		least, most, ok := t.braces()
		if !ok {
			return nil
		}
		if least > maxRepeat || most > maxRepeat || most >= 0 && most < least {
			return fmt.Errorf("a repetition of more than %d times, or of fewer at most than at least", maxRepeat)
		}
		if braces = true; most < 0 {
			quantifier = fmt.Sprintf("{%d,}", least)
		} else {
			quantifier = fmt.Sprintf("{%d,%d}", least, most)
		}
		if least == most && strings.HasPrefix(t.rest, "?") {
			return errors.New("a repetition of a repetition")
		}
	default:
		return nil
	}
	t.literal = 0
	if isAssertion {
		return errors.New("a repetition of an assertion")
	}
	t.write(quantifier)
	switch {
	case t.take("?"):
		t.write("?")
	case !braces && t.take("+"):
		if t.behind {
			return errAtomicBehind
		}
		t.out = append(append(append(t.out[:start:start], "(?>"...), t.out[start:]...), ')')
	}
	if t.rest != "" && strings.ContainsRune("*+?", rune(t.rest[0])) {
		return errors.New("a repetition of a repetition")
	}
	return nil
}

// braces parses {n}, {n,}, {,m} and {n,m}; most −1: no limit. Other braces are literals.
func (t *translator) braces() (least, most int, ok bool) {
	inner, rest, ok := strings.Cut(t.rest[1:], "}")
	low, high, isRange := strings.Cut(inner, ",")
	if !ok || low == "" && high == "" {
		return 0, 0, false
	}
	var err error
	if low != "" {
		if least, err = strconv.Atoi(low); err != nil || least < 0 {
			return 0, 0, false
		}
	}
	switch most = -1; {
	case !isRange:
		most = least
	case high != "":
		if most, err = strconv.Atoi(high); err != nil || most < 0 {
			return 0, 0, false
		}
	}
	t.rest = rest
	return least, most, true
}
