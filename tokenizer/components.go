package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/text/unicode/norm"
)

var forms = map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}

// steps returns the steps of a normaliser. Errors here and below complete "the tokenizer …".
func (c *component) steps() ([]step, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "Sequence":
		var all []step
		for i := range c.Normalizers {
			steps, err := c.Normalizers[i].steps()
			if err != nil {
				return nil, err
			}
			all = append(all, steps...)
		}
		return all, nil
	case "Lowercase":
		return []step{lowerCase}, nil
	case "StripAccents":
		return []step{drop(combiningMarks)}, nil
	case "NFC", "NFD", "NFKC", "NFKD":
		return []step{form(forms[c.Type])}, nil
	case "Replace":
		return c.replaceStep()
	case "Strip":
		return []step{strip(is(c.StripLeft, false), is(c.StripRight, false))}, nil
	case "Prepend":
		return []step{prepend(c.Prepend)}, nil
	case "Nmt":
		return []step{nmt}, nil
	case "ByteLevel":
		return []step{byteAlphabet}, nil
	case "Precompiled":
		table, err := newCharsmap(c.Charsmap)
		if err != nil {
			return nil, err
		}
		return []step{table.normalize}, nil
	case "BertNormalizer":
		var steps []step
		if is(c.CleanText, true) {
			steps = append(steps, cleanBERT)
		}
		if is(c.HandleChineseChars, true) {
			steps = append(steps, separateChinese)
		}
		lower := is(c.Lowercase, true)
		if is(c.StripAccents, lower) {
			steps = append(steps, form(norm.NFD), drop(nonspacingMarks))
		}
		if lower {
			steps = append(steps, lowerCase)
		}
		return steps, nil
	}
	return nil, fmt.Errorf("has the normaliser %q", c.Type)
}

// is returns an option, or its default.
func is(option *bool, otherwise bool) bool {
	if option == nil {
		return otherwise
	}
	return *option
}

// replaceStep returns the step of a Replace.
func (c *component) replaceStep() ([]step, error) {
	if c.Content == nil {
		return nil, damage("has a Replace without content")
	}
	if c.Pattern != nil && c.Pattern.Regex == `\s+` && *c.Content == " " {
		return []step{oneBlank}, nil
	}
	find, err := c.matcher()
	if err != nil {
		return nil, err
	}
	return []step{replaceMatches(find, *c.Content)}, nil
}

// splitter returns the fast splitter of common pre-tokenizers: BERT's, GPT-2's and CLIP's; nil for others, see [component.stages].
// leadBlank: text gets a leading space. byteLevel: words are then written in byte-level characters.
func (c *component) splitter() (next splitter, leadBlank, byteLevel bool) {
	var parts []component
	switch {
	case c == nil:
	case c.Type == "Sequence":
		parts = c.PreTokenizers
	default:
		parts = []component{*c}
	}
	switch {
	case len(parts) == 1 && parts[0].Type == "BertPreTokenizer":
		return splitBERT, false, false
	case len(parts) == 1 && parts[0].Type == "ByteLevel":
		if next = splitGPT2; !is(parts[0].UseRegex, true) {
			next = splitNothing
		}
		return next, is(parts[0].AddPrefixSpace, true), true
	case len(parts) == 2 && parts[0].Type == "Split" && parts[1].Type == "ByteLevel" && !is(parts[1].AddPrefixSpace, true):
		// After either split, GPT-2's pattern splits nothing more.
		next = parts[0].split()
		return next, false, next != nil
	}
	return nil, false, false
}

// endsInBytes reports whether the last pre-tokenizer writes words in byte-level characters.
func (c *component) endsInBytes() bool {
	switch {
	case c == nil:
		return false
	case c.Type == "Sequence" && len(c.PreTokenizers) > 0:
		return c.PreTokenizers[len(c.PreTokenizers)-1].endsInBytes()
	}
	return c.Type == "ByteLevel"
}

// split returns the fast splitter of a Split component; nil for another pattern.
func (c *component) split() splitter {
	switch {
	case c.Pattern == nil:
		return nil
	case c.Pattern.Regex == clipPattern && c.Behavior == "Removed" && is(c.Invert, false):
		return splitCLIP
	case c.Pattern.Regex == gpt2Pattern && c.Behavior == "Isolated" && !is(c.Invert, false):
		return splitGPT2
	}
	return nil
}

// postProcessors add special tokens ([CLS] …) or trim offsets. They are ignored, as in DALLE-pytorch.
var postProcessors = []string{"ByteLevel", "TemplateProcessing", "BertProcessing", "RobertaProcessing"}

// checkPostProcessor returns an error for a post-processor that may do something else.
func checkPostProcessor(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	var p struct {
		Type       string            `json:"type"`
		Processors []json.RawMessage `json:"processors"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("has a post-processor that cannot be read")
	}
	if p.Type == "Sequence" {
		for _, part := range p.Processors {
			if err := checkPostProcessor(part); err != nil {
				return err
			}
		}
		return nil
	}
	if !slices.Contains(postProcessors, p.Type) {
		return fmt.Errorf("has the post-processor %q", p.Type)
	}
	return nil
}
