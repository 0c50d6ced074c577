package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// wordPiece splits a word into the longest pieces of the vocabulary, from left to right (Devlin et al., 2018). A word that
// cannot be split this way is one unknown token.
type wordPiece struct {
	start    map[string]int32 // pieces that start a word
	rest     map[string]int32 // pieces that continue one, without their prefix "##"
	pieces   []string         // text of each id, without the prefix
	goesOn   []bool           // by id: it continues a word
	longest  int              // bytes of the longest piece
	maxRunes int              // a longer word is unknown
	unknown  int32
}

// buildWordPiece makes t a WordPiece tokenizer.
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
	if m.UnkToken == nil || m.Vocab.id(*m.UnkToken) < 0 {
		return fmt.Errorf("has no unknown token in its vocabulary")
	}
	w.unknown = m.Vocab.id(*m.UnkToken)
	for token, id := range m.Vocab {
		w.pieces[id] = token
		if t.isPadding(id) {
			continue
		}
		w.longest = max(w.longest, len(token))
		w.start[token], w.pieces[id] = id, token
		if piece, ok := strings.CutPrefix(token, prefix); ok {
			w.rest[piece], w.pieces[id], w.goesOn[id] = id, piece, true
		}
	}
	t.model, t.unknown = w, w.unknown
	return nil
}

// appendIDs appends the ids of one word.
func (w *wordPiece) appendIDs(ids []int32, word []byte, _ *scratch) []int32 {
	begin := len(ids)
	runes := 0
	for _, c := range word {
		if utf8.RuneStart(c) {
			runes++
		}
	}
	if runes > w.maxRunes {
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

// appendText puts a blank between words, but not around Chinese characters or before punctuation that ends a clause.
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

// closeSet reports whether r belongs to a script without blanks between words, or is its punctuation.
func closeSet(r rune) bool {
	return isChinese(r) || 0x3000 <= r && r <= 0x303F || 0xFF00 <= r && r <= 0xFF0F || 0xFF1A <= r && r <= 0xFF1F
}

func (w *wordPiece) finish(text string) string { return text }
