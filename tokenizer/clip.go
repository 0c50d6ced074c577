package tokenizer

import (
	"fmt"
	"html"
	"strings"

	"golang.org/x/text/unicode/norm"
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

// cleanCLIP cleans text as CLIP does before lower-casing. HTML is unescaped twice. The original calls ftfy; this function has
// ftfy's replacements of single characters (curly quotes, ligatures, full-width forms, control characters), but not the
// repair of text that was decoded with a wrong encoding. White space needs no cleaning, as it only separates words.
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

// plainCharacters replaces characters as ftfy does.
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

// finalSigma lower-cases every Σ that ends a word to ς, as Python's lower does. It is the only character whose lower case
// depends on the context.
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
