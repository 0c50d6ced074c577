package tokenizer

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// stages returns the stages of a pre-tokenizer. Errors complete "the tokenizer …".
func (c *component) stages() ([]stage, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "Sequence":
		var all []stage
		for i := range c.PreTokenizers {
			some, err := c.PreTokenizers[i].stages()
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	case "Whitespace":
		return []stage{split(wordRuns, removed)}, nil
	case "WhitespaceSplit":
		return []stage{split(characters(isBlank), removed)}, nil
	case "BertPreTokenizer":
		return []stage{split(characters(isBlank), removed), split(characters(isPunctuation), isolated)}, nil
	case "Punctuation":
		how, err := c.behavior(isolated)
		return []stage{split(characters(isPunctuation), how)}, err
	case "Digits":
		how := contiguous
		if is(c.IndividualDigits, false) {
			how = isolated
		}
		return []stage{split(characters(isNumber), how)}, nil
	case "CharDelimiterSplit":
		if utf8.RuneCountInString(c.Delimiter) != 1 {
			return nil, fmt.Errorf("has a CharDelimiterSplit at %s, which is not one character", shorten(c.Delimiter))
		}
		return []stage{split(literalText(c.Delimiter), removed)}, nil
	case "FixedLength":
		if c.Length == nil || *c.Length < 1 {
			return nil, fmt.Errorf("has a FixedLength without a length of 1 or more")
		}
		return []stage{split(eachLength(*c.Length), isolated)}, nil
	case "Split":
		return c.splitStage()
	case "ByteLevel":
		var all []stage
		if is(c.AddPrefixSpace, true) {
			all = append(all, rewrite(spaceBefore))
		}
		if is(c.UseRegex, true) {
			all = append(all, split(gpt2Words, isolated))
		}
		return append(all, rewrite(byteCharacters)), nil
	case "Metaspace":
		return c.metaspaceStages()
	}
	return nil, fmt.Errorf("has the pre-tokenizer %q", c.Type)
}

// behavior returns what a split does with its matches.
func (c *component) behavior(otherwise behavior) (behavior, error) {
	how := behavior(c.Behavior)
	if how == "" {
		how = otherwise
	}
	if !slices.Contains([]behavior{removed, isolated, contiguous, mergedWithPrevious, mergedWithNext}, how) {
		return "", fmt.Errorf("has the behavior %s of a %s", shorten(c.Behavior), c.Type)
	}
	return how, nil
}

func (c *component) splitStage() ([]stage, error) {
	how, err := c.behavior("")
	if err != nil {
		return nil, err
	}
	find, err := c.matcher()
	if err != nil {
		return nil, err
	}
	if is(c.Invert, false) {
		find = inverted(find)
	}
	return []stage{split(find, how)}, nil
}

// matcher returns the pattern of a Split or a Replace.
func (c *component) matcher() (finder, error) {
	switch {
	case c.Pattern == nil:
		return nil, fmt.Errorf("has a %s without a pattern", c.Type)
	case c.Pattern.Regex == gpt2Pattern:
		return gpt2Words, nil
	case c.Pattern.Regex != "":
		e, err := compileExpression(c.Pattern.Regex)
		if err != nil {
			return nil, err
		}
		return matchesOf(e), nil
	}
	return literalText(c.Pattern.String), nil
}

// gpt2Words is the pattern of GPT-2's words, see [splitGPT2].
func gpt2Words(text []byte, _ *scratch, matches []match) []match {
	for at := 0; at < len(text); {
		_, end := splitGPT2(text, at)
		matches = append(matches, match{part{at, end}, true})
		at = end
	}
	return matches
}

// metaspaceStages returns the stages of a Metaspace. Older files have add_prefix_space in place of prepend_scheme.
func (c *component) metaspaceStages() ([]stage, error) {
	replacement := c.Replacement
	if utf8.RuneCountInString(replacement) != 1 {
		return nil, fmt.Errorf("has a Metaspace with the replacement %s, which is not one character", shorten(replacement))
	}
	scheme, err := c.prependScheme()
	if err != nil {
		return nil, err
	}
	all := []stage{metaspace(replacement, scheme)}
	if is(c.Split, true) {
		all = append(all, split(literalText(replacement), mergedWithNext))
	}
	return all, nil
}

// prependScheme returns "always", "first" or "never".
func (c *component) prependScheme() (string, error) {
	scheme := c.PrependScheme
	if scheme == "" {
		scheme = "always"
		if !is(c.AddPrefixSpace, true) {
			scheme = "never"
		}
	}
	if !slices.Contains([]string{"always", "first", "never"}, scheme) {
		return "", fmt.Errorf("has the prepend_scheme %s of a Metaspace", shorten(scheme))
	}
	return scheme, nil
}
