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
		return []step{dropMarks}, nil
	case "NFC", "NFD", "NFKC", "NFKD":
		return []step{form(forms[c.Type])}, nil
	case "Replace":
		if c.Pattern != nil && c.Pattern.Regex == `\s+` && c.Content != nil && *c.Content == " " {
			return []step{oneBlank}, nil
		}
		return nil, fmt.Errorf("replaces another pattern than \\s+ by a space")
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
			steps = append(steps, form(norm.NFD), dropMarks)
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

// splitter returns the splitter of a pre-tokeniser. leadBlank: text gets a leading space. byteLevel: words are then written
// in byte-level characters.
func (c *component) splitter() (next splitter, leadBlank, byteLevel bool, err error) {
	var parts []component
	switch {
	case c == nil:
	case c.Type == "Sequence":
		parts = c.PreTokenizers
	default:
		parts = []component{*c}
	}
	for i, part := range parts {
		lastOne := i == len(parts)-1
		switch {
		case part.Type == "BertPreTokenizer" && len(parts) == 1:
			return splitBERT, false, false, nil
		case part.Type == "ByteLevel" && lastOne:
			leadBlank = is(part.AddPrefixSpace, true)
			if leadBlank && next != nil {
				return nil, false, false, fmt.Errorf("puts a space before every word")
			}
			// After either split, GPT-2's pattern splits nothing more.
			if next == nil {
				next = splitNothing
				if is(part.UseRegex, true) {
					next = splitGPT2
				}
			}
			return next, leadBlank, true, nil
		case part.Type == "Split" && i == 0 && !lastOne:
			if next = part.split(); next == nil {
				return nil, false, false, fmt.Errorf("splits words by a pattern that is neither GPT-2's nor CLIP's")
			}
		default:
			return nil, false, false, fmt.Errorf("has the pre-tokeniser %q at this place", part.Type)
		}
	}
	return nil, false, false, fmt.Errorf("has no pre-tokeniser ByteLevel or BertPreTokenizer")
}

// split returns the splitter of a Split component; nil for a pattern that is not supported.
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
