package tokenizer

import (
	"sync"
	"unicode/utf8"
)

// model splits one word into ids, and puts pieces together again.
type model interface {
	appendIDs(ids []int32, word []byte, s *scratch) []int32
	appendText(text []byte, id int32) []byte // after the text before
	finish(text string) string
}

// Tokenizer turns text into ids. It may be used by several goroutines at a time.
type Tokenizer struct {
	kind      string
	clean     func(string) string // of the whole text, before all else; nil: none
	raw       literals            // added tokens that are looked for in the text itself
	steps     []step
	cooked    literals // and in the normalised text
	leadBlank bool     // text that doesn't begin with a space gets one
	next      splitter
	model     model
	size      int
	unknown   int32            // -1: none
	added     map[int32]string // text of added tokens that decoding shows
	special   map[int32]bool   // added tokens that it doesn't show
	document  *document        // what Save writes

	mutex sync.Mutex
	idle  []*scratch
}

// Kind is "byte-level BPE", "CLIP BPE" or "WordPiece".
func (t *Tokenizer) Kind() string { return t.kind }

// VocabSize is the number of ids, padding included: ids lie in [0, VocabSize).
func (t *Tokenizer) VocabSize() int { return t.size }

// Encode appends the ids of text to ids. Text that is empty has no tokens; text that isn't UTF-8 is an error that names the byte, see
// [ErrNotUTF8]. It allocates nothing once ids and its own buffers are large enough and the words are known (except to clean text that is
// not plain ASCII for CLIP: a few times a text).
func (t *Tokenizer) Encode(text string, ids []int32) ([]int32, error) {
	if !utf8.ValidString(text) {
		return ids, notUTF8(text)
	}
	if t.clean != nil {
		text = t.clean(text)
	}
	s := t.borrow()
	s.text = append(s.text[:0], text...)
	for rest := s.text; len(rest) > 0; {
		start, end, id := t.raw.find(rest)
		ids = t.encodePart(rest[:start], ids, s)
		if id >= 0 {
			ids = append(ids, id)
		}
		rest = rest[end:]
	}
	t.giveBack(s)
	return ids, nil
}

// encodePart encodes the text between two added tokens.
func (t *Tokenizer) encodePart(text []byte, ids []int32, s *scratch) []int32 {
	text = t.normalize(text, s)
	for len(text) > 0 {
		start, end, id := t.cooked.find(text)
		t.words(text[:start], s, func(word []byte) { ids = t.encodeWord(word, ids, s) })
		if id >= 0 {
			ids = append(ids, id)
		}
		text = text[end:]
	}
	return ids
}

func (t *Tokenizer) normalize(text []byte, s *scratch) []byte {
	for i, step := range t.steps {
		s.steps[i%2] = step(s.steps[i%2][:0], text)
		text = s.steps[i%2]
	}
	return text
}

// words visits the words of normalised text.
func (t *Tokenizer) words(text []byte, s *scratch, visit func(word []byte)) {
	if t.leadBlank && len(text) > 0 && text[0] != ' ' {
		s.lead = append(append(s.lead[:0], ' '), text...)
		text = s.lead
	}
	for at := 0; ; {
		start, end := t.next(text, at)
		if start == len(text) {
			return
		}
		visit(text[start:end])
		at = end
	}
}

// Decode is the text of ids. Padding, be it 0 or one of the model's own ids from VocabSize up, and special tokens are left out. Bytes that
// aren't UTF-8 become U+FFFD. With byte-level BPE, the text of the ids of a text is that text again (if nothing lower-cases it).
func (t *Tokenizer) Decode(ids []int32) string {
	var text []byte
	for _, id := range ids {
		if id <= 0 || int(id) >= t.size || t.special[id] {
			continue
		}
		if literal, ok := t.added[id]; ok {
			text = append(text, literal...)
		} else {
			text = t.model.appendText(text, id)
		}
	}
	return t.model.finish(string(text))
}

// Unknown counts the ids that stand for a word, or a byte, that the vocabulary doesn't have.
func (t *Tokenizer) Unknown(ids []int32) int {
	n := 0
	for _, id := range ids {
		if id == t.unknown {
			n++
		}
	}
	return n
}

// Known counts the ids that stand for text: neither padding nor unknown.
func (t *Tokenizer) Known(ids []int32) int {
	n := 0
	for _, id := range ids {
		if id > 0 && int(id) < t.size && id != t.unknown {
			n++
		}
	}
	return n
}
