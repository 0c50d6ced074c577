package tokenizer

import (
	"fmt"
	"html"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// clipMerges is how many lines of the published file CLIP uses: 49,152 tokens less two alphabets of 256 and two special tokens, as its
// SimpleTokenizer counts; with all of them the vocabulary has 49,408.
const clipMerges = 49152 - 256 - 2

const (
	clipEnd  = "</w>"
	clipName = "bpe_simple_vocab_16e6.txt" // as the published file's first line has it; vocabularies of the same kind may have other sizes
)

// clipDocument describes CLIP's tokenizer (Radford et al., 2021) with the vocabulary as published: a first line with the version, then a
// merge a line. Ids are, in this order: the bytes, the bytes that end a word, the merges, and two special tokens. Lines after those that
// CLIP uses are not read. A file that breaks off before is refused: with fewer merges all later ids would be others.
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
		return nil, fmt.Errorf("tokenizer: %s:%d: %s has no end of the line, so the file is cut off; fetch bpe_simple_vocab_16e6.txt.gz again", path, len(lines)+2, shorten(rest))
	case strings.Contains(header, clipName):
		return nil, fmt.Errorf("tokenizer: %s: has %d merges of the %d that CLIP uses, so the file is cut off; fetch bpe_simple_vocab_16e6.txt.gz again", path, len(lines), clipMerges)
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
			return nil, fmt.Errorf("tokenizer: %s:%d: %s is not two tokens of the lines before; fetch bpe_simple_vocab_16e6.txt.gz again", path, i+2, shorten(line))
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

// cleanCLIP is what CLIP does with a text before it is lower-cased. HTML is unescaped twice. Of ftfy, which the original calls, this has
// the replacements of single characters (curled quotes, ligatures, full-width forms, control characters), but not the repair of text
// that was decoded in a wrong encoding. White space needs no clean-up here, as it only separates words.
func cleanCLIP(text string) string {
	plain := true
	for i := range len(text) {
		c := text[i]
		plain = plain && c != '&' && c < 0x7F && (c >= ' ' || c == '\t' || c == '\n' || c == '\r')
	}
	if plain {
		return text
	}
	return finalSigma(plainCharacters.Replace(html.UnescapeString(html.UnescapeString(text))))
}

var plainCharacters = func() *strings.Replacer {
	pairs := []string{"ﬅ", "ſt", "ŉ", "'n"}
	each := func(from, to rune, f func(string) string) {
		for r := from; r <= to; r++ {
			pairs = append(pairs, string(r), f(string(r)))
		}
	}
	as := func(s string) func(string) string { return func(string) string { return s } }
	for _, ligatures := range [][2]rune{{'Ĳ', 'ĳ'}, {'Ǆ', 'ǌ'}, {'Ǳ', 'ǳ'}, {'ﬀ', 'ﬆ'}, {0xFF01, 0xFFEE}, {0x3000, 0x3000}} {
		each(ligatures[0], ligatures[1], norm.NFKC.String)
	}
	each(0x02BC, 0x02BC, as("'"))
	each(0x2018, 0x201B, as("'"))
	each(0x201C, 0x201F, as(`"`))
	for _, controls := range [][2]rune{{0, 8}, {0x0B, 0x0B}, {0x0E, 0x1F}, {0x7F, 0x7F}, {0x206A, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFC}} {
		each(controls[0], controls[1], as(""))
	}
	return strings.NewReplacer(pairs...)
}()

// finalSigma lower-cases every Σ that ends a word to ς, as Python's lower does; every other character has one lower case.
func finalSigma(text string) string {
	if !strings.ContainsRune(text, 'Σ') {
		return text
	}
	runes := []rune(text)
	for i, r := range runes {
		if r == 'Σ' && i > 0 && classOf(runes[i-1]) == letter && (i == len(runes)-1 || classOf(runes[i+1]) != letter) {
			runes[i] = 'ς'
		}
	}
	return string(runes)
}
