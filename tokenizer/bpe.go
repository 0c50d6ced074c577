package tokenizer

import (
	"fmt"
	"strings"
)

// pair is two neighbouring symbols.
type pair struct{ left, right int32 }

func (p pair) key() uint64 { return uint64(uint32(p.left))<<32 | uint64(uint32(p.right)) }

// merge is the result of merging a pair. Pairs of lower rank are merged first.
type merge struct{ rank, id int32 }

// bpe is a byte-pair encoding (Sennrich et al., 2016) over bytes. A word starts as one symbol a byte. The neighbours whose
// merge has the lowest rank become one symbol, the leftmost first, until no merge applies.
type bpe struct {
	first    [256]int32 // id of a byte, −1 if it has none
	last     [256]int32 // id of a byte that ends a word; differs from first if the vocabulary marks the ends of words
	merges   map[uint64]merge
	pieces   []string // bytes of each id
	ends     []bool   // by id: it ends a word, so a blank follows; nil if the vocabulary does not mark the ends of words
	unknown  int32    // id of bytes without an id; −1: such bytes are dropped, as in Hugging Face's library
	fuse     bool     // a run of unknown bytes is one token
	skipLead bool     // encoding adds a leading blank, which decoding removes
}

// buildBPE makes t a byte-level BPE.
func (t *Tokenizer) buildBPE(m *modelSpec) error {
	switch {
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("drops merges at random (dropout)")
	case m.Prefix != nil && *m.Prefix != "":
		return fmt.Errorf("has a continuing_subword_prefix")
	case m.ByteFallback || m.IgnoreMerges:
		return fmt.Errorf("has byte_fallback or ignore_merges")
	case len(m.Merges) >= maxID:
		return fmt.Errorf("has %d merges", len(m.Merges))
	}
	t.kind = "byte-level BPE"
	suffix := ""
	if m.Suffix != nil {
		suffix = *m.Suffix
	}
	b := &bpe{unknown: -1, fuse: m.FuseUnk, skipLead: t.leadBlank, merges: make(map[uint64]merge, len(m.Merges)), pieces: make([]string, t.size)}
	if suffix != "" {
		t.kind = "CLIP BPE"
		b.ends = make([]bool, t.size)
	}
	for token, id := range m.Vocab {
		body := token
		if suffix != "" && strings.HasSuffix(token, suffix) {
			body, b.ends[id] = strings.TrimSuffix(token, suffix), true
		}
		piece, ok := bytesOf(body)
		if _, added := t.added[id]; !ok && !added && !t.special[id] {
			return fmt.Errorf("has the token %s, which is not written in byte-level characters", shorten(token))
		}
		b.pieces[id] = piece
	}
	for c := range 256 {
		b.first[c], b.last[c] = m.Vocab.id(string(byteRune[c])), m.Vocab.id(string(byteRune[c])+suffix)
	}
	for rank, p := range m.Merges {
		left, right, id := m.Vocab.id(p[0]), m.Vocab.id(p[1]), m.Vocab.id(p[0]+p[1])
		if left < 0 || right < 0 || id < 0 || strings.Contains(p[0]+p[1], " ") {
			return fmt.Errorf("merges %s and %s, but they or what they make is not in its vocabulary", shorten(p[0]), shorten(p[1]))
		}
		b.merges[pair{left, right}.key()] = merge{int32(rank), id}
	}
	if m.UnkToken != nil {
		if b.unknown = m.Vocab.id(*m.UnkToken); b.unknown < 0 {
			return fmt.Errorf("has the unknown token %s, which is not in its vocabulary", shorten(*m.UnkToken))
		}
	}
	t.model, t.unknown = b, b.unknown
	return nil
}

// symbol is an element of the linked list of a word's symbols.
type symbol struct{ id, previous, next int32 }

// candidate is a possible merge of the symbol at a position with the next one.
type candidate struct{ rank, at int32 }

// before orders candidates by rank, then from left to right.
func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

// appendIDs appends the ids of one word.
func (b *bpe) appendIDs(ids []int32, word []byte, s *scratch) []int32 {
	symbols := s.symbols[:0]
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
		n := int32(len(symbols))
		symbols = append(symbols, symbol{id, n - 1, n + 1})
	}
	s.symbols = symbols // may have grown
	if len(symbols) == 0 {
		return ids
	}
	symbols[len(symbols)-1].next = -1

	s.queue = s.queue[:0]
	for i := range symbols[:len(symbols)-1] {
		b.propose(s, int32(i))
	}
	for len(s.queue) > 0 {
		c := s.queue.pop()
		left := &symbols[c.at]
		if left.id < 0 || left.next < 0 {
			continue
		}
		right := &symbols[left.next]
		m, ok := b.merges[pair{left.id, right.id}.key()]
		if !ok || m.rank != c.rank {
			continue // one of the two was merged with another symbol
		}
		left.id, right.id = m.id, -1
		left.next = right.next
		if left.next >= 0 {
			symbols[left.next].previous = c.at
			b.propose(s, c.at)
		}
		if left.previous >= 0 {
			b.propose(s, left.previous)
		}
	}
	for at := int32(0); at >= 0; at = symbols[at].next {
		ids = append(ids, symbols[at].id)
	}
	return ids
}

// propose adds the merge of the symbol at a position with the next one to the queue, if there is one.
func (b *bpe) propose(s *scratch, at int32) {
	if m, ok := b.merges[pair{s.symbols[at].id, s.symbols[s.symbols[at].next].id}.key()]; ok {
		s.queue.push(candidate{m.rank, at})
	}
}

func (b *bpe) appendText(text []byte, id int32) []byte {
	text = append(text, b.pieces[id]...)
	if b.ends != nil && b.ends[id] {
		text = append(text, ' ')
	}
	return text
}

func (b *bpe) finish(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if b.ends != nil {
		return strings.TrimSuffix(text, " ")
	}
	if b.skipLead {
		return strings.TrimPrefix(text, " ")
	}
	return text
}
