package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
)

// unknownToken is BERT's name of a word that the vocabulary doesn't have.
const unknownToken = "[UNK]"

// bertDocument describes BERT's tokenizer with its vocab.txt, a token a line whose number is its id: for Chinese, bert-base-chinese, where
// every character is a word. Unless cased, text is lower-cased and accents are dropped.
func bertDocument(path, text string, cased bool) (*document, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	vocab := make(vocabulary, len(lines))
	for i, line := range lines {
		token := strings.TrimSuffix(line, "\r")
		if _, twice := vocab[token]; twice || token == "" {
			return nil, fmt.Errorf("tokenizer: %s:%d: %s is blank or there twice; a vocab.txt has one token a line", path, i+1, shorten(token))
		}
		vocab[token] = int32(i)
	}
	if vocab.id(unknownToken) < 0 {
		return nil, fmt.Errorf("tokenizer: %s: has no line %s and is no other tokenizer that we know; give a tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt", path, unknownToken)
	}
	d := &document{
		Normalizer:   &component{Type: "BertNormalizer", CleanText: new(true), HandleChineseChars: new(true), StripAccents: new(!cased), Lowercase: new(!cased)},
		PreTokenizer: &component{Type: "BertPreTokenizer"},
		Decoder:      json.RawMessage(`{"type":"WordPiece","prefix":"##","cleanup":true}`),
		Model:        &modelSpec{Type: "WordPiece", UnkToken: new(unknownToken), Prefix: new("##"), MaxChars: new(100), Vocab: vocab},
	}
	for _, token := range []string{"[PAD]", unknownToken, "[CLS]", "[SEP]", "[MASK]"} {
		if id := vocab.id(token); id >= 0 {
			d.Added = append(d.Added, addedToken{ID: id, Content: token, Special: true})
		}
	}
	return d, nil
}
