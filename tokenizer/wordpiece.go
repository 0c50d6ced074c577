package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// wordPiece splits a word into the longest pieces that the vocabulary has, from left to right (Devlin et al., 2018). A word that cannot be
// split so is one unknown token.
type wordPiece struct {
	start    map[string]int32 // pieces that begin a word
	rest     map[string]int32 // pieces that continue one, without their prefix "##"
	pieces   []string         // text of each id, without the prefix
	goesOn   []bool           // ids that continue a word
	longest  int              // bytes of the longest piece
	maxRunes int              // a longer word is unknown
	unknown  int32
}

func (t *Tokenizer) buildWordPiece(m *modelSpec) error {
	t.kind = "WordPiece"
	w := &wordPiece{start: map[string]int32{}, rest: map[string]int32{}, pieces: make([]string, t.size), goesOn: make([]bool, t.size), maxRunes: 100}
	if m.MaxChars != nil {
		w.maxRunes = *m.MaxChars
	}
	prefix := "##"
	if m.Prefix != nil {
		prefix = *m.Prefix
	}
	if prefix == "" {
		return fmt.Errorf("has no continuing_subword_prefix")
	}
	if m.UnkToken == nil || m.Vocab.id(*m.UnkToken) < 0 {
		return fmt.Errorf("has no unknown token in its vocabulary")
	}
	w.unknown = m.Vocab.id(*m.UnkToken)
	for token, id := range m.Vocab {
		w.longest = max(w.longest, len(token))
		w.start[token], w.pieces[id] = id, token
		if piece, ok := strings.CutPrefix(token, prefix); ok {
			w.rest[piece], w.pieces[id], w.goesOn[id] = id, piece, true
		}
	}
	t.model, t.unknown = w, w.unknown
	return nil
}

// appendIDs encodes one word.
func (w *wordPiece) appendIDs(ids []int32, word []byte, _ *scratch) []int32 {
	begin := len(ids)
	if utf8.RuneCount(word) > w.maxRunes {
		return append(ids, w.unknown)
	}
	table := w.start
	for len(word) > 0 {
		n := min(len(word), w.longest)
		for ; n > 0; n-- {
			if n < len(word) && !utf8.RuneStart(word[n]) {
				continue
			}
			if id, ok := table[string(word[:n])]; ok {
				ids = append(ids, id)
				break
			}
		}
		if n == 0 {
			return append(ids[:begin], w.unknown)
		}
		word, table = word[n:], w.rest
	}
	return ids
}

// appendText puts a blank between words, but not around Chinese characters nor before a mark that ends a clause.
func (w *wordPiece) appendText(text []byte, id int32) []byte {
	piece := w.pieces[id]
	if len(text) > 0 && !w.goesOn[id] && !(len(piece) == 1 && strings.Contains(".,!?;:", piece)) {
		before, _ := utf8.DecodeLastRune(text)
		after, _ := utf8.DecodeRuneInString(piece)
		if !closeSet(before) && !closeSet(after) {
			text = append(text, ' ')
		}
	}
	return append(text, piece...)
}

// closeSet tells the characters of a script without blanks between words, and its punctuation.
func closeSet(r rune) bool {
	return isChinese(r) || 0x3000 <= r && r <= 0x303F || 0xFF00 <= r && r <= 0xFF0F || 0xFF1A <= r && r <= 0xFF1F
}

func (w *wordPiece) finish(text string) string { return text }
