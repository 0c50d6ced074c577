package tokenizer

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// maxID bounds the ids of a file, and so the size of the tables that are indexed by id.
const maxID = 1 << 22

// paddingToken is the name of the padding token in files that this package writes.
const paddingToken = "<|padding|>"

var paddingNames = []string{paddingToken, "[PAD]", "[pad]", "<pad>", "<PAD>", "<|pad|>"}

// build makes the tokenizer that a document describes; padding gets id 0. Errors complete "the tokenizer …".
func build(d *document, fileIDs bool) (*Tokenizer, error) {
	if d.Model == nil {
		return nil, fmt.Errorf("has no model")
	}
	if !slices.Contains(knownModels, d.Model.Type) {
		return nil, fmt.Errorf("has the model %q", d.Model.Type)
	}
	if len(d.Model.Vocab) == 0 {
		return nil, fmt.Errorf("has no vocabulary")
	}
	if err := d.checkFit(); err != nil {
		return nil, err
	}
	if err := checkPostProcessor(d.PostProcessor); err != nil {
		return nil, err
	}
	d.Version, d.PostProcessor = "1.0", nil
	tokens, err := d.tokens()
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{zeroPads: d.reserveZero(tokens, fileIDs), document: d, unknown: -1, added: map[int32]string{}, special: map[int32]bool{}, cut: d.Truncation, pad: d.Padding}
	if t.steps, err = d.Normalizer.steps(); err != nil {
		return nil, err
	}
	if x := d.Model.Bestiary; x != nil && x.Clean != "" {
		if x.Clean != "CLIP" {
			return nil, fmt.Errorf("cleans text in a way (%q) that this version does not know", x.Clean)
		}
	}
	for _, id := range d.Model.Vocab {
		t.size = max(t.size, int(id)+1)
	}
	if err := t.addTokens(d); err != nil {
		return nil, err
	}
	if t.pad != nil && int(t.pad.ID) >= t.size {
		return nil, damage("has a padding with the id %d, which no token has", t.pad.ID)
	}
	if err := t.buildModel(d); err != nil {
		return nil, err
	}
	if x := d.Model.Bestiary; x != nil && x.Clean != "" {
		t.original(d)
	}
	return t, t.buildDecoder(d)
}

// buildModel makes the pre-tokenizer and the model. A BPE whose words are bytes works on these, not on their characters.
func (t *Tokenizer) buildModel(d *document) error {
	var byteLevel bool
	t.next, t.leadBlank, byteLevel = d.PreTokenizer.splitter()
	kind := d.Model.kind()
	inBytes := kind == "BPE" && (byteLevel || d.PreTokenizer.endsInBytes()) && t.inBytes(d.Model)
	if t.next == nil || byteLevel != inBytes {
		t.next, t.leadBlank = nil, false
		var err error
		if t.stages, err = d.PreTokenizer.stages(); err != nil {
			return err
		}
		if inBytes {
			t.stages = t.stages[:len(t.stages)-1] // the last one writes bytes as characters
		}
	}
	switch {
	case d.Model.Dropout != nil && *d.Model.Dropout != 0:
		return fmt.Errorf("drops merges at random (dropout)")
	case inBytes:
		return t.buildBPE(d.Model)
	case kind == "BPE":
		return t.buildTextBPE(d.Model)
	case kind == "WordLevel":
		return t.buildWordLevel(d.Model)
	case kind == "Unigram":
		return t.buildUnigram(d.Model)
	}
	return t.buildWordPiece(d.Model)
}

// kind returns the type of the model. Files from before 2020 do not name it.
func (m *modelSpec) kind() string {
	switch {
	case m.Type != "":
		return m.Type
	case m.MaxChars != nil:
		return "WordPiece"
	}
	return "BPE"
}

// tokens returns the token of each id. It is an error if an id is out of range or has two tokens.
func (d *document) tokens() (map[int32]string, error) {
	tokens := make(map[int32]string, len(d.Model.Vocab)+len(d.Added))
	add := func(token string, id int32) error {
		if id < 0 || id >= maxID {
			return damage("has the id %d, which is not in [0, %d)", id, maxID)
		}
		if before, ok := tokens[id]; ok && before != token {
			return damage("has two tokens with the id %d", id)
		}
		tokens[id] = token
		return nil
	}
	for token, id := range d.Model.Vocab {
		if err := add(token, id); err != nil {
			return nil, err
		}
	}
	for _, a := range d.Added {
		if a.Content == "" {
			return nil, damage("has an added token without text")
		}
		if id, ok := d.Model.Vocab[a.Content]; ok && id != a.ID {
			return nil, damage("has the added token %s with two ids", shorten(a.Content))
		}
		if err := add(a.Content, a.ID); err != nil {
			return nil, err
		}
	}
	return tokens, d.checkAdded()
}

// checkAdded checks that added tokens outside of the vocabulary have the ids that Hugging Face's library gives them, whatever the
// file says: those after the vocabulary, in order. Models are trained with these.
func (d *document) checkAdded() error {
	size := int32(len(d.Model.Vocab))
	highest, ids := int32(-1), map[string]int32{}
	for _, a := range d.Added {
		id, ok := d.Model.Vocab[a.Content]
		if !ok {
			id, ok = ids[a.Content]
		}
		if !ok {
			id = max(size, highest+1)
		}
		if id != a.ID {
			return damage("has the added token %s with the id %d, and Hugging Face's library gives it %d", shorten(a.Content), a.ID, id)
		}
		ids[a.Content], highest = id, max(highest, id)
	}
	return nil
}

// reserveZero moves all ids up by one if 0 is a real token, unless the tokenizer keeps the ids of the file. It reports whether 0
// is padding then.
func (d *document) reserveZero(tokens map[int32]string, fileIDs bool) bool {
	zero, used := tokens[0]
	if !used || slices.Contains(paddingNames, zero) {
		return true
	}
	if x := d.Model.Bestiary; fileIDs || x != nil && x.FileIDs {
		if x == nil {
			d.Model.Bestiary = new(extras)
		}
		d.Model.Bestiary.FileIDs = true
		return false
	}
	for token := range d.Model.Vocab {
		d.Model.Vocab[token]++
	}
	for i := range d.Added {
		d.Added[i].ID++
	}
	if d.Padding != nil {
		d.Padding.ID++
	}
	if m := d.Model; m.kind() == "Unigram" {
		m.scores = append([]float64{0}, m.scores...)
		if m.UnkID != nil {
			*m.UnkID++
		}
	}
	d.Model.Vocab[paddingToken] = 0
	d.Added = append([]addedToken{{Content: paddingToken, Special: true}}, d.Added...)
	return true
}

// addTokens prepares the added tokens. Text is not searched for the padding token, so no text encodes to padding.
func (t *Tokenizer) addTokens(d *document) error {
	var raw, cooked []literal
	s := new(scratch)
	for _, a := range d.Added {
		t.size = max(t.size, int(a.ID)+1)
		if a.Special {
			t.special[a.ID] = true
		} else {
			t.added[a.ID] = a.Content
		}
	}
	for _, a := range slices.Concat(filter(d.Added, true), filter(d.Added, false)) { // the order decides between equal texts
		if t.isPadding(a.ID) {
			continue
		}
		if !a.Normalized {
			raw = append(raw, literal{[]byte(a.Content), a.ID, a.LStrip, a.RStrip, a.SingleWord})
			continue
		}
		text := bytes.Clone(t.normalize([]byte(a.Content), s))
		if len(text) == 0 {
			return fmt.Errorf("has the added token %s, which its normaliser makes empty", shorten(a.Content))
		}
		if !a.Special {
			t.added[a.ID] = string(text)
		}
		cooked = append(cooked, literal{text, a.ID, a.LStrip, a.RStrip, a.SingleWord})
	}
	t.raw, t.cooked = newLiterals(raw), newLiterals(cooked)
	return nil
}

// filter returns the special tokens, or the others.
func filter(tokens []addedToken, special bool) (some []addedToken) {
	for _, a := range tokens {
		if a.Special == special {
			some = append(some, a)
		}
	}
	return some
}

// isPadding reports whether an id is that of a padding token at 0, which no text encodes to.
func (t *Tokenizer) isPadding(id int32) bool { return id == 0 && t.zeroPads }

// withoutPadding returns the vocabulary without the padding token.
func (t *Tokenizer) withoutPadding(v vocabulary) vocabulary {
	if !t.zeroPads {
		return v
	}
	v = maps.Clone(v)
	maps.DeleteFunc(v, func(_ string, id int32) bool { return id == 0 })
	return v
}
