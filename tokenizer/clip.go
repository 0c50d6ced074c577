package tokenizer

import (
	"fmt"
	"slices"
	"strings"
)

// clipMerges is the number of merges that CLIP's SimpleTokenizer uses of the published file: 49,152 − 256 − 2. With two
// alphabets of 256 and two special tokens the vocabulary has 49,408 ids.
const clipMerges = 49152 - 256 - 2

const (
	clipEnd  = "</w>"
	clipName = "bpe_simple_vocab_16e6.txt" // in the first line of the published file; other vocabularies of this kind may have other sizes
)

// clipDocument describes CLIP's tokenizer (Radford et al., 2021) with the published vocabulary: a first line with the
// version, then one merge a line. The ids are, in this order: bytes, bytes that end a word, merges, and two special tokens.
// Lines after the clipMerges that CLIP uses are ignored. A file with fewer merges is damaged: all later ids would differ.
func clipDocument(path, text string) (*document, error) {
	if !strings.Contains(text, clipEnd) {
		return nil, fmt.Errorf("tokenizer: %s: has merges without %s, so it is not CLIP's vocabulary; for GPT-2's kind give a tokenizer.json", path, clipEnd)
	}
	header, merged, _ := strings.Cut(text, "\n")
	lines := strings.Split(merged, "\n")
	lines, rest := lines[:len(lines)-1], lines[len(lines)-1]
	switch {
	case len(lines) >= clipMerges:
		lines = lines[:clipMerges]
	case rest != "":
		return nil, damaged(path, len(lines)+2, "%s has no end of the line, so the file is cut off; fetch bpe_simple_vocab_16e6.txt.gz again", shorten(rest))
	case strings.Contains(header, clipName):
		return nil, damaged(path, 0, "has %d merges of the %d that CLIP uses, so the file is cut off; fetch bpe_simple_vocab_16e6.txt.gz again", len(lines), clipMerges)
	}
	vocab := make(vocabulary, 512+len(lines)+2)
	next := int32(0)
	add := func(token string) {
		vocab[token] = next
		next++
	}
	for _, b := range byteOrder {
		add(string(byteRune[b]))
	}
	for _, b := range byteOrder {
		add(string(byteRune[b]) + clipEnd)
	}
	var merges mergeList
	for i, line := range lines {
		parts := strings.Fields(line)
		if len(parts) != 2 || vocab.id(parts[0]) < 0 || vocab.id(parts[1]) < 0 {
			return nil, damaged(path, i+2, "%s is not two tokens of the lines before; fetch bpe_simple_vocab_16e6.txt.gz again", shorten(line))
		}
		add(parts[0] + parts[1])
		merges = append(merges, [2]string{parts[0], parts[1]})
	}
	d := &document{
		Normalizer: &component{Type: "Sequence", Normalizers: []component{
			{Type: "NFC"},
			{Type: "Replace", Pattern: &pattern{Regex: `\s+`}, Content: new(" ")},
			{Type: "Lowercase"},
		}},
		PreTokenizer: &component{Type: "Sequence", PreTokenizers: []component{
			{Type: "Split", Pattern: &pattern{Regex: clipPattern}, Behavior: "Removed", Invert: new(true)},
			byteLevelComponent(false),
		}},
		Decoder: byteLevelDecoder,
		Model:   &modelSpec{Type: "BPE", Suffix: new(clipEnd), Vocab: vocab, Merges: merges, Bestiary: &extras{Clean: "CLIP"}},
	}
	for _, token := range []string{"<|startoftext|>", "<|endoftext|>"} {
		add(token)
		d.Added = append(d.Added, addedToken{ID: next - 1, Content: token, Normalized: true, Special: true})
	}
	return d, nil
}

// original makes t split text as CLIP's own code does, which differs a little from what tokenizer.json can express: a special
// token (they start with "<") is only one where a word may start, and a long s (ſ) after an apostrophe is an s. The text is in NFC already.
func (t *Tokenizer) original(d *document) {
	t.clean = cleanCLIP
	if n := d.Normalizer; n != nil && len(n.Normalizers) > 0 && n.Normalizers[0].Type == "NFC" {
		t.steps = t.steps[1:]
	}
	b, ok := t.model.(*bpe)
	if !ok || t.next == nil {
		return
	}
	b.words = map[string]int32{}
	whole := []string{"'ſ"}
	for _, a := range d.Added {
		if !t.isPadding(a.ID) && a.Content[0] == '<' {
			b.words[a.Content] = a.ID
			whole = append(whole, a.Content)
		}
	}
	t.cooked.tokens = slices.DeleteFunc(t.cooked.tokens, func(l literal) bool { return l.text[0] == '<' })
	t.next = func(text []byte, at int) (start, end int) {
		at = runEnd(text, at, blank)
		if at < len(text) && (text[at] == '<' || text[at] == '\'') {
			for _, word := range whole {
				if len(text)-at >= len(word) && string(text[at:at+len(word)]) == word {
					return at, at + len(word)
				}
			}
		}
		return splitCLIP(text, at)
	}
}
