package tokenizer

import "strings"

// bpe is a byte-pair encoding over bytes. A word starts as one symbol a byte.
type bpe struct {
	merger
	first    [256]int32       // id of a byte, −1 if it has none
	last     [256]int32       // id of a byte that ends a word; differs from first if the vocabulary marks the ends of words
	words    map[string]int32 // whole words that need no merges (ignore_merges); nil: none
	pieces   []string         // bytes of each id
	ends     []bool           // by id: it ends a word, so a blank follows; nil if the vocabulary does not mark the ends of words
	unknown  int32            // id of bytes without an id; −1: such bytes are dropped, as in Hugging Face's library
	fuse     bool             // a run of unknown bytes is one token
	skipLead bool             // encoding adds a leading blank, which decoding removes
}

// inBytes reports whether a model can be read as a BPE over bytes: every token is written in byte-level characters.
func (t *Tokenizer) inBytes(m *modelSpec) bool {
	if text(m.Prefix) != "" || m.ByteFallback {
		return false
	}
	for token, id := range m.Vocab {
		_, added := t.added[id]
		if _, ok := bytesOf(strings.TrimSuffix(token, text(m.Suffix))); !ok && !added && !t.special[id] {
			return false
		}
	}
	return true
}

// buildBPE makes t a byte-level BPE.
func (t *Tokenizer) buildBPE(m *modelSpec) error {
	t.kind = "byte-level BPE"
	suffix := text(m.Suffix)
	b := &bpe{unknown: -1, fuse: m.FuseUnk, skipLead: t.leadBlank, pieces: make([]string, t.size)}
	if err := b.build(m, 0); err != nil {
		return err
	}
	if suffix != "" {
		t.kind = "CLIP BPE"
		b.ends = make([]bool, t.size)
	}
	if m.IgnoreMerges {
		b.words = make(map[string]int32, len(m.Vocab))
	}
	for token, id := range m.Vocab {
		body := token
		if suffix != "" && strings.HasSuffix(token, suffix) {
			body, b.ends[id] = strings.TrimSuffix(token, suffix), true
		}
		b.pieces[id], _ = bytesOf(body)
		if whole, ok := bytesOf(token); ok && b.words != nil && !t.isPadding(id) {
			b.words[whole] = id
		}
	}
	for c := range 256 {
		b.first[c], b.last[c] = m.Vocab.id(string(byteRune[c])), m.Vocab.id(string(byteRune[c])+suffix)
	}
	if m.UnkToken != nil {
		if b.unknown = m.Vocab.id(*m.UnkToken); b.unknown < 0 {
			return damage("has the unknown token %s, which is not in its vocabulary", shorten(*m.UnkToken))
		}
	}
	t.model, t.unknown = b, b.unknown
	return nil
}

// appendIDs appends the ids of one word.
func (b *bpe) appendIDs(ids []int32, word []byte, s *scratch) []int32 {
	if b.words != nil {
		if id, ok := b.words[string(word)]; ok {
			return append(ids, id)
		}
	}
	s.symbols = s.symbols[:0]
	fused := false
	for i, c := range word {
		id := b.first[c]
		if i == len(word)-1 {
			id = b.last[c]
		}
		if id < 0 {
			if b.unknown < 0 || b.fuse && fused {
				continue
			}
			id, fused = b.unknown, true
		} else {
			fused = false
		}
		s.addSymbol(id)
	}
	return b.join(ids, s)
}

func (b *bpe) appendText(text []byte, id int32) []byte {
	text = append(text, b.pieces[id]...)
	if b.ends != nil && b.ends[id] {
		text = append(text, ' ')
	}
	return text
}

func (b *bpe) finish(text string) string {
	text = lossy(text)
	if b.ends != nil {
		return strings.TrimSuffix(text, " ")
	}
	if b.skipLead {
		return strings.TrimPrefix(text, " ")
	}
	return text
}
