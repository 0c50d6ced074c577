package tokenizer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
)

// unknownPenalty is how much lower than the lowest score of a token the score of an unknown character is.
const unknownPenalty = 10

// unigram splits a text into the tokens with the highest sum of scores (Kudo, 2018), by the Viterbi algorithm.
type unigram struct {
	tokens   []string // in the order of bytes
	ids      []int32  // of the tokens
	scores   []float64
	first    [257]int32 // tokens[first[b]:first[b+1]] start with the byte b
	unknown  int32      // −1: none
	score    float64    // of an unknown character
	fallback *[256]int32
	byText   map[string]int32
}

// arrival is the best way to a position: from where, with which token, and the sum of the scores.
type arrival struct {
	score float64
	from  int32
	id    int32 // −1: no way yet
}

// buildUnigram makes t a Unigram tokenizer.
func (t *Tokenizer) buildUnigram(m *modelSpec) error {
	t.kind = "Unigram"
	u := &unigram{unknown: -1, byText: t.withoutPadding(m.Vocab)}
	lowest := math.Inf(1)
	for _, score := range m.scores {
		lowest = min(lowest, score)
	}
	u.score = lowest - unknownPenalty
	if m.UnkID != nil {
		if *m.UnkID < 0 || *m.UnkID >= len(m.scores) {
			return damage("has the unk_id %d, but %d tokens", *m.UnkID, len(m.scores))
		}
		u.unknown = int32(*m.UnkID)
	}
	for token := range u.byText {
		if token != "" {
			u.tokens = append(u.tokens, token)
		}
	}
	slices.SortFunc(u.tokens, cmp.Compare[string])
	for _, token := range u.tokens {
		id := m.Vocab[token]
		u.ids, u.scores = append(u.ids, id), append(u.scores, m.scores[id])
		u.first[int(token[0])+1]++
	}
	for b := range 256 {
		u.first[b+1] += u.first[b]
	}
	if m.ByteFallback {
		u.fallback = fallbackIDs(m.Vocab)
	}
	t.model, t.unknown = u, u.unknown
	return nil
}

// fallbackIDs returns the ids of the tokens <0x00> to <0xFF>, −1 for those that are not there.
func fallbackIDs(vocab vocabulary) *[256]int32 {
	ids := new([256]int32)
	for b := range ids {
		ids[b] = vocab.id(fmt.Sprintf("<0x%02X>", b))
	}
	return ids
}

// appendIDs appends the ids of one word.
func (u *unigram) appendIDs(ids []int32, word []byte, s *scratch) []int32 {
	if !u.viterbi(word, s) {
		return ids
	}
	// From the end of the word to its start. Neighbouring unknown characters are one token.
	begin, unknownEnd := len(ids), -1
	for at := len(word); at > 0; {
		step := s.lattice[at]
		if step.id == u.unknown && unknownEnd < 0 {
			unknownEnd = at
		}
		if step.id != u.unknown {
			if unknownEnd >= 0 {
				ids = u.appendUnknown(ids, word[at:unknownEnd])
				unknownEnd = -1
			}
			ids = append(ids, step.id)
		}
		at = int(step.from)
	}
	if unknownEnd >= 0 {
		ids = u.appendUnknown(ids, word[:unknownEnd])
	}
	slices.Reverse(ids[begin:])
	return ids
}

// appendUnknown appends the ids of text that no tokens make, in reverse order: its bytes if the vocabulary has all of them.
func (u *unigram) appendUnknown(ids []int32, text []byte) []int32 {
	if id, ok := u.byText[string(text)]; ok {
		return append(ids, id)
	}
	if u.fallback == nil {
		return append(ids, u.unknown)
	}
	begin := len(ids)
	for i := len(text) - 1; i >= 0; i-- {
		id := u.fallback[text[i]]
		if id < 0 {
			return append(ids[:begin], u.unknown)
		}
		ids = append(ids, id)
	}
	return ids
}

// viterbi fills s.lattice with the best way to each position. It returns false if there is none to the end.
func (u *unigram) viterbi(word []byte, s *scratch) bool {
	s.lattice = slices.Grow(s.lattice[:0], len(word)+1)[:len(word)+1]
	for i := range s.lattice {
		s.lattice[i] = arrival{id: -1, from: -1}
	}
	for at := 0; at < len(word); {
		_, n := classAt(word, at)
		here, single := s.lattice[at].score, false
		lo, hi := int(u.first[word[at]]), int(u.first[int(word[at])+1])
		for length := 1; lo < hi; length++ {
			// tokens[lo:hi] start with word[at : at+length].
			if len(u.tokens[lo]) == length {
				u.arrive(s, at, at+length, here+u.scores[lo], u.ids[lo])
				single = single || length == n
				lo++
			}
			if at+length == len(word) {
				break
			}
			lo, hi = u.narrow(lo, hi, length, word[at+length])
		}
		if !single {
			if u.unknown < 0 {
				s.failure = noUnknown(word[at : at+n])
				return false
			}
			u.arrive(s, at, at+n, here+u.score, u.unknown)
		}
		at += n
	}
	return true
}

// narrow returns the range of the tokens in [lo, hi) whose byte at a position is b.
func (u *unigram) narrow(lo, hi, at int, b byte) (int, int) {
	tokens := u.tokens[lo:hi]
	from := sort.Search(len(tokens), func(i int) bool { return tokens[i][at] >= b })
	to := from + sort.Search(len(tokens)-from, func(i int) bool { return tokens[from+i][at] > b })
	return lo + from, lo + to
}

// arrive keeps a way to a position if it is better than the one before.
func (u *unigram) arrive(s *scratch, from, to int, score float64, id int32) {
	if best := &s.lattice[to]; best.from < 0 || score > best.score {
		*best = arrival{score, int32(from), id}
	}
}

// The decoders of the file decode: see [Tokenizer.decodeTokens].
func (u *unigram) appendText(text []byte, _ int32) []byte { return text }
func (u *unigram) finish(text string) string              { return text }
