package tokenizer

import (
	"unicode/utf8"
)

// textBPE is a byte-pair encoding over characters, in any alphabet. A word starts as one symbol a character.
type textBPE struct {
	merger
	ascii    [2][2][utf8.RuneSelf]int32 // id of a character: [not the first of its word][the last]; −1: none
	others   [2][2]map[rune]int32
	prefix   string      // of characters that are not the first
	suffix   string      // of the last character
	fallback *[256]int32 // ids of bytes, in place of an unknown character; nil: none
	words    vocabulary  // whole words that need no merges (ignore_merges); nil: none
	unknown  int32       // −1: unknown characters are dropped, as in Hugging Face's library
	fuse     bool        // a run of unknown characters is one token
}

// buildTextBPE makes t a BPE over characters.
func (t *Tokenizer) buildTextBPE(m *modelSpec) error {
	t.kind = "BPE"
	b := &textBPE{unknown: -1, fuse: m.FuseUnk, prefix: text(m.Prefix), suffix: text(m.Suffix)}
	if err := b.build(m, len(b.prefix)); err != nil {
		return err
	}
	vocab := t.withoutPadding(m.Vocab)
	b.characters(vocab)
	if m.ByteFallback {
		b.fallback = fallbackIDs(m.Vocab)
	}
	if m.IgnoreMerges {
		b.words = vocab
	}
	if m.UnkToken != nil {
		if b.unknown = m.Vocab.id(*m.UnkToken); b.unknown < 0 {
			return damage("has the unknown token %s, which is not in its vocabulary", shorten(*m.UnkToken))
		}
	}
	t.model, t.unknown = b, b.unknown
	return nil
}

// text returns an option, "" if it is not there.
func text(option *string) string {
	if option == nil {
		return ""
	}
	return *option
}

// characters fills the tables of characters.
func (b *textBPE) characters(vocab vocabulary) {
	for later := range 2 {
		for last := range 2 {
			before, after := "", ""
			if later == 1 {
				before = b.prefix
			}
			if last == 1 {
				after = b.suffix
			}
			ascii, others := &b.ascii[later][last], map[rune]int32{}
			for r := range ascii {
				ascii[r] = vocab.id(before + string(rune(r)) + after)
			}
			for token, id := range vocab {
				if len(token) <= len(before)+len(after) || token[:len(before)] != before || token[len(token)-len(after):] != after {
					continue
				}
				body := token[len(before) : len(token)-len(after)]
				if r, n := utf8.DecodeRuneInString(body); n == len(body) && n > 1 {
					others[r] = id
				}
			}
			b.others[later][last] = others
		}
	}
}

// character returns the id of a character, −1 if it has none.
func (b *textBPE) character(r rune, later, last int) int32 {
	if r < utf8.RuneSelf {
		return b.ascii[later][last][r]
	}
	if id, ok := b.others[later][last][r]; ok {
		return id
	}
	return -1
}

// appendIDs appends the ids of one word.
func (b *textBPE) appendIDs(ids []int32, word []byte, s *scratch) []int32 {
	if b.words != nil {
		if id, ok := b.words[string(word)]; ok {
			return append(ids, id)
		}
	}
	s.symbols = s.symbols[:0]
	pending, later := false, 0 // an unknown token waits for what follows it
	for at := 0; at < len(word); later = 1 {
		r, n := utf8.DecodeRune(word[at:])
		last := 0
		if at+n == len(word) {
			last = 1
		}
		id := b.character(r, later, last)
		switch {
		case id >= 0:
			if pending {
				s.addSymbol(b.unknown)
				pending = false
			}
			s.addSymbol(id)
		case b.appendBytes(s, word[at:at+n], later, last):
		case b.unknown >= 0:
			if pending && !b.fuse {
				s.addSymbol(b.unknown)
			}
			pending = true
		}
		at += n
	}
	if pending {
		s.addSymbol(b.unknown)
	}
	return b.join(ids, s)
}

// appendBytes adds the tokens of the bytes of a character, with its prefix and suffix, if the vocabulary has all of them.
func (b *textBPE) appendBytes(s *scratch, character []byte, later, last int) bool {
	if b.fallback == nil {
		return false
	}
	begin := len(s.symbols)
	add := func(c byte) bool {
		if b.fallback[c] < 0 {
			s.symbols = s.symbols[:begin]
			return false
		}
		s.addSymbol(b.fallback[c])
		return true
	}
	for i := 0; later == 1 && i < len(b.prefix); i++ {
		if !add(b.prefix[i]) {
			return false
		}
	}
	for _, c := range character {
		if !add(c) {
			return false
		}
	}
	for i := 0; last == 1 && i < len(b.suffix); i++ {
		if !add(b.suffix[i]) {
			return false
		}
	}
	return true
}

func (b *textBPE) appendText(text []byte, _ int32) []byte { return text }
func (b *textBPE) finish(text string) string              { return text }
