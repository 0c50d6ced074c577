package tokenizer

import (
	"errors"
	"fmt"
	"strings"
)

// groupKinds are the groups by what follows the parenthesis.
var groupKinds = []string{"?:", "?=", "?!", "?<=", "?<!", "?>"}

// group translates what follows an opening parenthesis. No group captures.
func (t *translator) group(depth int, first bool) (isAssertion bool, err error) {
	fold, dotAll, behind := t.fold, t.dotAll, t.behind
	kind := "?:"
	found := false
	for _, k := range groupKinds {
		if found = t.take(k); found {
			kind = k
			break
		}
	}
	switch {
	case found:
	case t.take("?<"):
		_, rest, ok := strings.Cut(t.rest, ">")
		if !ok {
			return false, errors.New("a group whose name has no end")
		}
		t.rest = rest
	case t.take("?"):
		if done, err := t.options(first); done || err != nil {
			return true, err
		}
	}
	if kind == "?>" && behind {
		return false, errAtomicBehind
	}
	t.behind = kind == "?<=" || kind == "?<!" || behind && kind == "?:"
	t.write("(" + kind)
	if err := t.alternatives(depth + 1); err != nil {
		return false, err
	}
	if !t.take(")") {
		return false, errors.New("a group that has no end")
	}
	t.write(")")
	t.fold, t.dotAll, t.behind = fold, dotAll, behind
	return kind != "?:" && kind != "?>", nil
}

// errAtomicBehind: regexp2 matches a lookbehind from right to left, which for an atomic group gives other matches.
var errAtomicBehind = errors.New("an atomic group in a lookbehind, which is not supported")

// options parses what follows (?. It reports whether the options hold up to the end of the group around them.
func (t *translator) options(first bool) (done bool, err error) {
	on := true
	for t.rest != "" && t.rest[0] != ':' && t.rest[0] != ')' {
		switch flag := t.next(); flag {
		case '-':
			on = false
		case 'i':
			t.fold = on
		case 'm':
			t.dotAll = on
		default:
			return false, fmt.Errorf("the option or group (?%c, which is not supported", flag)
		}
	}
	if t.take(")") {
		if !first {
			return false, errors.New("an option in the middle of a group")
		}
		return true, nil
	}
	t.take(":")
	return false, nil
}
