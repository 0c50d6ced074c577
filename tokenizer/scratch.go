package tokenizer

// Words recur, so a scratch caches their ids. The bounds keep it below some 10 MB.
const (
	cachedWords = 1 << 15
	cachedBytes = 48 // longest cached word
)

// scratch is the reusable memory of encoding.
type scratch struct {
	text, lead       []byte
	steps            [2][]byte
	pieces           pieces
	parts            []part
	matches          []match
	rewritten, other []byte
	matcher          matcher
	symbols          []symbol
	queue            queue[candidate]
	lattice          []arrival
	failure          error // the reason why the text has no ids

	words map[string]span
	ids   []int32
}

// span is a range of scratch.ids.
type span struct{ from, to int32 }

// borrow returns a scratch that no other goroutine uses.
func (t *Tokenizer) borrow() *scratch {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if n := len(t.idle); n > 0 {
		s := t.idle[n-1]
		t.idle = t.idle[:n-1]
		return s
	}
	return &scratch{words: make(map[string]span)}
}

// release makes a scratch available again.
func (t *Tokenizer) release(s *scratch) {
	t.mutex.Lock()
	t.idle = append(t.idle, s)
	t.mutex.Unlock()
}

// encodeWord appends the ids of a word, from the cache if they are there.
func (t *Tokenizer) encodeWord(word []byte, ids []int32, s *scratch) []int32 {
	if at, ok := s.words[string(word)]; ok {
		return append(ids, s.ids[at.from:at.to]...)
	}
	begin := len(ids)
	ids = t.model.appendIDs(ids, word, s)
	if len(word) <= cachedBytes && len(s.words) < cachedWords {
		from := int32(len(s.ids))
		s.ids = append(s.ids, ids[begin:]...)
		s.words[string(word)] = span{from, int32(len(s.ids))}
	}
	return ids
}
