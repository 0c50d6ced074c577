package tokenizer

import (
	"fmt"
	"sync"
	"unicode/utf8"
)

// model encodes words and decodes ids.
type model interface {
	appendIDs(ids []int32, word []byte, s *scratch) []int32
	appendText(text []byte, id int32) []byte // text is the decoded text before id
	finish(text string) string               // corrects the whole decoded text
}

// Tokenizer turns text into ids and back. It is safe for concurrent use. [Open], [Parse] and [Train] make one.
type Tokenizer struct {
	kind      string
	clean     func(string) string // cleans the whole text first; nil: none
	raw       literals            // added tokens that are found in the text as it is
	steps     []step
	cooked    literals // added tokens that are found in the normalised text
	leadBlank bool     // text that doesn't start with a space gets one
	next      splitter // splits text into words; nil: the stages do
	stages    []stage
	model     model
	cut       *truncation
	pad       *padding
	decoders  []decoder        // nil: the model decodes
	names     map[int32]string // token of each id, for the decoders
	size      int
	zeroPads  bool             // 0 is padding, not a token of the file
	unknown   int32            // id of the unknown token, −1: none
	added     map[int32]string // text of added tokens that decoding writes
	special   map[int32]bool   // added tokens that decoding leaves out
	document  *document        // that Save writes

	mutex sync.Mutex
	idle  []*scratch
}

// Kind returns "byte-level BPE", "CLIP BPE", "BPE", "WordPiece", "WordLevel" or "Unigram".
func (t *Tokenizer) Kind() string { return t.kind }

// VocabSize returns the number of ids, padding included: ids are in [0, VocabSize).
func (t *Tokenizer) VocabSize() int { return t.size }

// Encode appends the ids of text to ids. Empty text has no tokens. If the file of the tokenizer says so, ids are truncated and
// padded. Once ids and the internal buffers are large enough and the words are cached, it allocates nothing, except to clean
// text that is not plain ASCII for CLIP.
//
// Errors: [ErrNotUTF8], which names the byte; [ErrTooLong] for text of more than 16 MiB; [ErrUnknown] if text has a part that the vocabulary does not have and there is no
// unknown token; an error if the tokenizer's regular expression takes too long.
func (t *Tokenizer) Encode(text string, ids []int32) ([]int32, error) {
	if !utf8.ValidString(text) {
		return ids, notUTF8(text)
	}
	if len(text) > maxText {
		return ids, &captionError{ErrTooLong, fmt.Sprintf("the caption has %d bytes, and %d fit; shorten it", len(text), maxText)}
	}
	if t.clean != nil {
		text = t.clean(text)
	}
	s := t.borrow()
	s.failure = nil
	s.text = append(s.text[:0], text...)
	begin := len(ids)
	for search := t.raw.search(s.text); search.next(); {
		ids = t.encodePart(search.before(), search.from == 0, ids, s)
		if search.id >= 0 {
			ids = append(ids, search.id)
		}
	}
	failure := s.failure
	t.release(s)
	if failure != nil {
		return ids[:begin], failure
	}
	return t.fit(ids, begin), nil
}

// encodePart appends the ids of the text between two added tokens. first: it is the start of the input.
func (t *Tokenizer) encodePart(text []byte, first bool, ids []int32, s *scratch) []int32 {
	for search := t.cooked.search(t.normalize(text, s)); search.next(); {
		if t.next != nil {
			t.words(search.before(), s, func(word []byte) { ids = t.encodeWord(word, ids, s) })
		} else {
			ids = t.encodePieces(search.before(), first && search.from == 0, ids, s)
		}
		if search.id >= 0 {
			ids = append(ids, search.id)
		}
	}
	return ids
}

// encodePieces appends the ids of normalised text without added tokens, which the stages split.
func (t *Tokenizer) encodePieces(text []byte, first bool, ids []int32, s *scratch) []int32 {
	if len(text) == 0 {
		return ids
	}
	p := &s.pieces
	p.text, p.first, p.parts = text, first, append(p.parts[:0], part{0, len(text)})
	for _, stage := range t.stages {
		stage(p, s)
	}
	for _, piece := range p.parts {
		if piece.start < piece.end {
			ids = t.encodeWord(p.text[piece.start:piece.end], ids, s)
		}
	}
	return ids
}

// normalize applies all steps. The result is in s.
func (t *Tokenizer) normalize(text []byte, s *scratch) []byte {
	for i, step := range t.steps {
		s.steps[i%2] = step(s.steps[i%2][:0], text, s)
		text = s.steps[i%2]
	}
	return text
}

// words calls visit with the words of normalised text.
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

// Decode returns the text of ids. It leaves out padding (0, and a model's own padding ids from VocabSize up) and special
// tokens. Bytes that aren't UTF-8 become U+FFFD. With byte-level BPE, Decode inverts Encode unless the tokenizer
// lower-cases.
func (t *Tokenizer) Decode(ids []int32) string {
	if t.decoders != nil {
		return t.decodeTokens(ids)
	}
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

// Unknown returns how many ids are the unknown token: a word, or a byte, that the vocabulary doesn't have.
func (t *Tokenizer) Unknown(ids []int32) int {
	n := 0
	for _, id := range ids {
		if id == t.unknown {
			n++
		}
	}
	return n
}

// Known returns how many ids are neither padding nor the unknown token.
func (t *Tokenizer) Known(ids []int32) int {
	n := 0
	for _, id := range ids {
		if id > 0 && int(id) < t.size && id != t.unknown && (t.pad == nil || id != t.pad.ID) {
			n++
		}
	}
	return n
}
