package tokenizer

import (
	"maps"
	"slices"
)

// trainer counts pairs of neighbours and merges the most frequent one (Sennrich et al., 2016). A merge only looks at the
// words in which its pair occurs.
type trainer struct {
	tokens []string // of each id
	ids    map[string]int32
	words  [][]int32 // symbols of each distinct word
	counts []int     // how often each word occurs
	pairs  map[pair]*occurrences
	queue  queue[frequent]
}

// occurrences are the words of a pair. Some may no longer contain it, or be listed twice.
type occurrences struct {
	count int
	words []int32
}

// frequent is a pair with its count when it was queued.
type frequent struct {
	pair
	count int
}

func (f frequent) before(g frequent) bool {
	switch {
	case f.count != g.count:
		return f.count > g.count
	case f.left != g.left:
		return f.left < g.left
	}
	return f.right < g.right
}

func newTrainer(vocab vocabulary, counts map[string]int) *trainer {
	b := &trainer{tokens: make([]string, len(vocab)), ids: maps.Clone(vocab), pairs: make(map[pair]*occurrences)}
	for token, id := range vocab {
		b.tokens[id] = token
	}
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		symbols := make([]int32, len(word))
		for i := range len(word) {
			symbols[i] = vocab[string(byteRune[word[i]])]
		}
		b.words, b.counts = append(b.words, symbols), append(b.counts, counts[word])
		b.count(len(b.words)-1, 1)
	}
	for p, o := range b.pairs {
		b.queue.push(frequent{p, o.count})
	}
	return b
}

// count adds the pairs of a word to the counts (sign 1), or subtracts them (sign −1).
func (b *trainer) count(word, sign int) {
	symbols := b.words[word]
	for i := 1; i < len(symbols); i++ {
		p := pair{symbols[i-1], symbols[i]}
		o := b.pairs[p]
		if o == nil {
			o = new(occurrences)
			b.pairs[p] = o
		}
		o.count += sign * b.counts[word]
		if sign > 0 && (len(o.words) == 0 || o.words[len(o.words)-1] != int32(word)) {
			o.words = append(o.words, int32(word))
		}
	}
}

// run adds tokens and merges to m until there are size tokens, or no pair occurs minFrequency times.
func (b *trainer) run(size, minFrequency int, m *modelSpec) {
	merged := make(map[pair]bool)
	for len(b.tokens) < size && len(b.queue) > 0 {
		top := b.queue.pop()
		o := b.pairs[top.pair]
		if o.count < minFrequency {
			continue
		}
		if o.count != top.count { // other merges have consumed some of them
			b.queue.push(frequent{top.pair, o.count})
			continue
		}
		left, right := b.tokens[top.left], b.tokens[top.right]
		id, ok := b.ids[left+right] // two pairs may make the same token
		if !ok {
			id = int32(len(b.tokens))
			b.tokens, b.ids[left+right] = append(b.tokens, left+right), id
			m.Vocab[left+right] = id
		}
		if !merged[top.pair] {
			merged[top.pair] = true
			m.Merges = append(m.Merges, [2]string{left, right})
		}
		for p := range b.merge(top.pair, id, o.words) {
			b.queue.push(frequent{p, b.pairs[p].count})
		}
	}
}

// merge replaces a pair by a token in words, and returns the pairs that became more frequent.
func (b *trainer) merge(p pair, id int32, words []int32) map[pair]bool {
	grown := make(map[pair]bool)
	for _, word := range words {
		symbols := b.words[word]
		at := pairAt(symbols, p)
		if at < 0 {
			continue
		}
		b.count(int(word), -1)
		out := symbols[:at]
		for i := at; i < len(symbols); i++ {
			if i+1 < len(symbols) && symbols[i] == p.left && symbols[i+1] == p.right {
				out = append(out, id)
				i++
			} else {
				out = append(out, symbols[i])
			}
		}
		b.words[word] = out
		b.count(int(word), 1)
		for i := 1; i < len(out); i++ {
			if out[i-1] == id || out[i] == id {
				grown[pair{out[i-1], out[i]}] = true
			}
		}
	}
	return grown
}

// pairAt returns the index of the first occurrence of a pair, −1 if there is none.
func pairAt(symbols []int32, p pair) int {
	for i := 1; i < len(symbols); i++ {
		if symbols[i-1] == p.left && symbols[i] == p.right {
			return i - 1
		}
	}
	return -1
}
