package tokenizer

import (
	"fmt"
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
	if !isNull(d.Truncation) || !isNull(d.Padding) {
		return nil, fmt.Errorf("cuts or pads texts itself (its truncation or padding is not null)")
	}
	if err := checkPostProcessor(d.PostProcessor); err != nil {
		return nil, err
	}
	d.Version, d.Truncation, d.Padding, d.PostProcessor = "1.0", nil, nil, nil
	tokens, err := d.tokens()
	if err != nil {
		return nil, err
	}
	d.reserveZero(tokens, fileIDs)

	t := &Tokenizer{document: d, unknown: -1, added: map[int32]string{}, special: map[int32]bool{}}
	if t.steps, err = d.Normalizer.steps(); err != nil {
		return nil, err
	}
	if x := d.Model.Bestiary; x != nil && x.Clean != "" {
		if x.Clean != "CLIP" {
			return nil, fmt.Errorf("cleans text in a way (%q) that this version does not know", x.Clean)
		}
		t.clean = cleanCLIP
	}
	for _, id := range d.Model.Vocab {
		t.size = max(t.size, int(id)+1)
	}
	if err := t.addTokens(d); err != nil {
		return nil, err
	}
	var byteLevel bool
	if t.next, t.leadBlank, byteLevel, err = d.PreTokenizer.splitter(); err != nil {
		return nil, err
	}
	kind := d.Model.Type
	if kind == "" { // files from before 2020 have no type
		kind = "BPE"
		if d.Model.MaxChars != nil {
			kind = "WordPiece"
		}
	}
	switch {
	case kind == "BPE" && byteLevel:
		err = t.buildBPE(d.Model)
	case kind == "WordPiece" && !byteLevel:
		err = t.buildWordPiece(d.Model)
	default:
		err = fmt.Errorf("has the model %q with the pre-tokeniser %q", kind, d.PreTokenizer.Type)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// tokens returns the token of each id. It is an error if an id is out of range or has two tokens.
func (d *document) tokens() (map[int32]string, error) {
	tokens := make(map[int32]string, len(d.Model.Vocab)+len(d.Added))
	add := func(token string, id int32) error {
		if id < 0 || id >= maxID {
			return fmt.Errorf("has the id %d, which is not in [0, %d)", id, maxID)
		}
		if before, ok := tokens[id]; ok && before != token {
			return fmt.Errorf("has two tokens with the id %d", id)
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
			return nil, fmt.Errorf("has an added token without text")
		}
		if id, ok := d.Model.Vocab[a.Content]; ok && id != a.ID {
			return nil, fmt.Errorf("has the added token %s with two ids", shorten(a.Content))
		}
		if a.SingleWord {
			return nil, fmt.Errorf("has the added token %s with single_word", shorten(a.Content))
		}
		if err := add(a.Content, a.ID); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// reserveZero moves all ids up by one if 0 is a real token, unless the tokenizer keeps the ids of the file.
func (d *document) reserveZero(tokens map[int32]string, fileIDs bool) {
	zero, used := tokens[0]
	if !used || slices.Contains(paddingNames, zero) {
		return
	}
	if x := d.Model.Bestiary; fileIDs || x != nil && x.FileIDs {
		if x == nil {
			d.Model.Bestiary = new(extras)
		}
		d.Model.Bestiary.FileIDs = true
		return
	}
	for token := range d.Model.Vocab {
		d.Model.Vocab[token]++
	}
	for i := range d.Added {
		d.Added[i].ID++
	}
	d.Model.Vocab[paddingToken] = 0
	d.Added = append([]addedToken{{Content: paddingToken, Special: true}}, d.Added...)
}

// addTokens prepares the added tokens. Text is not searched for the padding token, so no text encodes to padding.
func (t *Tokenizer) addTokens(d *document) error {
	var raw, cooked []literal
	for _, a := range d.Added {
		t.size = max(t.size, int(a.ID)+1)
		if a.Special {
			t.special[a.ID] = true
		} else {
			t.added[a.ID] = a.Content
		}
		if a.ID == 0 && slices.Contains(paddingNames, a.Content) {
			continue
		}
		text := []byte(a.Content)
		if !a.Normalized {
			raw = append(raw, literal{text, a.ID, a.LStrip, a.RStrip})
			continue
		}
		for _, step := range t.steps {
			text = step(nil, text)
		}
		if len(text) == 0 {
			return fmt.Errorf("has the added token %s, which its normaliser makes empty", shorten(a.Content))
		}
		cooked = append(cooked, literal{text, a.ID, a.LStrip, a.RStrip})
	}
	t.raw, t.cooked = newLiterals(raw), newLiterals(cooked)
	return nil
}

// id returns the id of a token, −1 if it isn't there.
func (v vocabulary) id(token string) int32 {
	if id, ok := v[token]; ok {
		return id
	}
	return -1
}
