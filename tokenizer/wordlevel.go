package tokenizer

import "fmt"

// wordLevel has one token a word.
type wordLevel struct {
	vocab   vocabulary
	unknown int32 // −1: none
}

// buildWordLevel makes t a tokenizer of whole words.
func (t *Tokenizer) buildWordLevel(m *modelSpec) error {
	t.kind = "WordLevel"
	w := &wordLevel{vocab: t.withoutPadding(m.Vocab), unknown: -1}
	if m.UnkToken != nil {
		w.unknown = m.Vocab.id(*m.UnkToken)
	}
	t.model, t.unknown = w, w.unknown
	return nil
}

func (w *wordLevel) appendIDs(ids []int32, word []byte, s *scratch) []int32 {
	id, ok := w.vocab[string(word)]
	if !ok {
		if id = w.unknown; id < 0 {
			s.failure = noUnknown(word)
			return ids
		}
	}
	return append(ids, id)
}

func (w *wordLevel) appendText(text []byte, _ int32) []byte { return text }
func (w *wordLevel) finish(text string) string              { return text }

// noUnknown returns the error for a word that the vocabulary does not have, if there is no unknown token.
func noUnknown(word []byte) error {
	return &captionError{ErrUnknown, fmt.Sprintf("the caption has %s, which is not in the vocabulary of the tokenizer, and this has no unknown token; use other words", shorten(string(word)))}
}

// slowPattern returns the error for a regular expression that takes too long.
func slowPattern(e *expression) error {
	return fmt.Errorf("tokenizer: the regular expression %s takes too long on this caption; shorten the caption", shorten(e.source))
}
