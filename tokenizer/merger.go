package tokenizer

import (
	"strings"
)

// pair is two neighbouring symbols.
type pair struct{ left, right int32 }

func (p pair) key() uint64 { return uint64(uint32(p.left))<<32 | uint64(uint32(p.right)) }

// merge is the result of merging a pair. Pairs of lower rank are merged first.
type merge struct{ rank, id int32 }

// merger joins the symbols of a word (Sennrich et al., 2016): the neighbours whose merge has the lowest rank become one symbol,
// the leftmost first, until no merge applies.
type merger struct {
	merges map[uint64]merge
	ids    []int32 // that each rank makes
}

// build reads the merges. The right one of a pair loses its continuing_subword_prefix, the first prefix bytes.
func (b *merger) build(m *modelSpec, prefix int) error {
	if len(m.Merges) >= maxID {
		return damage("has %d merges", len(m.Merges))
	}
	b.merges, b.ids = make(map[uint64]merge, len(m.Merges)), make([]int32, len(m.Merges))
	for rank, p := range m.Merges {
		left, right, id := m.Vocab.id(p[0]), m.Vocab.id(p[1]), int32(-1)
		if len(p[1]) >= prefix {
			id = m.Vocab.id(p[0] + p[1][prefix:])
		}
		if left < 0 || right < 0 || id < 0 {
			return damage("merges %s and %s, but they or what they make is not in its vocabulary", shorten(p[0]), shorten(p[1]))
		}
		b.merges[pair{left, right}.key()] = merge{int32(rank), id}
		b.ids[rank] = id
	}
	return nil
}

// symbol is an element of the linked list of a word's symbols.
type symbol struct{ id, previous, next int32 }

// addSymbol appends a symbol to the list.
func (s *scratch) addSymbol(id int32) {
	n := int32(len(s.symbols))
	s.symbols = append(s.symbols, symbol{id, n - 1, n + 1})
}

// candidate is a possible merge of the symbol at a position with the next one.
type candidate struct{ rank, at int32 }

// before orders candidates by rank, then from left to right.
func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

// join merges s.symbols and appends their ids.
func (b *merger) join(ids []int32, s *scratch) []int32 {
	symbols := s.symbols
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
		if !ok || m.rank != c.rank && m.id != b.ids[c.rank] {
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
func (b *merger) propose(s *scratch, at int32) {
	if m, ok := b.merges[pair{s.symbols[at].id, s.symbols[s.symbols[at].next].id}.key()]; ok {
		s.queue.push(candidate{m.rank, at})
	}
}

// hasBlank reports whether a merge has a space, which byte-level alphabets never have.
func (m mergeList) hasBlank() bool {
	for _, p := range m {
		if strings.Contains(p[0], " ") || strings.Contains(p[1], " ") {
			return true
		}
	}
	return false
}
