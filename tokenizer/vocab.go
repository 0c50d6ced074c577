package tokenizer

import (
	"encoding/json"
	"strings"
)

// unknownToken is BERT's token for words that the vocabulary doesn't have.
const unknownToken = "[UNK]"

// bertDocument describes BERT's tokenizer with its vocab.txt: one token a line, whose id is the number of the line. Every
// Chinese character is a word, unless the configuration says otherwise. It also says whether text is lower-cased and accents
// are dropped. Its default is that of Hugging Face's BertTokenizer, true; but false for bert-base-chinese, whose published
// configuration, which DALLE-pytorch uses, says so.
func bertDocument(path, text string, c bertConfig) (*document, error) {
	if strings.TrimSpace(text) == "" {
		return nil, damaged(path, 0, "is empty; give a tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt")
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	vocab := make(vocabulary, len(lines))
	for i, line := range lines {
		token := strings.TrimSuffix(line, "\r")
		if _, twice := vocab[token]; twice || token == "" {
			return nil, damaged(path, i+1, "%s is blank or there twice; a vocab.txt has one token a line", shorten(token))
		}
		vocab[token] = int32(i)
	}
	if vocab.id(unknownToken) < 0 {
		return nil, damaged(path, 0, "has no line %s and is no other tokenizer that we know; give a tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt", unknownToken)
	}
	lower := is(c.Lowercase, !isBERTChinese(vocab))
	d := &document{
		Normalizer:   &component{Type: "BertNormalizer", CleanText: new(true), HandleChineseChars: new(is(c.Chinese, true)), StripAccents: new(is(c.StripAccents, lower)), Lowercase: new(lower)},
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
