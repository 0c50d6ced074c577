package tokenizer

// Words recur, so that their ids are remembered; the bounds keep a scratch below some 10 MB whatever the text is.
const (
	cachedWords = 1 << 15
	cachedBytes = 48 // of the longest word remembered
)

// scratch is the memory that encoding needs, and that the next text uses again.
type scratch struct {
	text, lead []byte
	steps      [2][]byte
	symbols    []symbol
	queue      queue[candidate]

	words map[string]span
	ids   []int32
}

// span of scratch.ids.
type span struct{ from, to int32 }

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

func (t *Tokenizer) giveBack(s *scratch) {
	t.mutex.Lock()
	t.idle = append(t.idle, s)
	t.mutex.Unlock()
}

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
