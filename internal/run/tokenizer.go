package run

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tokenizer"
)

// Tokenizer is the description of the tokenizer that the captions of a run's models went through: the section
// "tokenizer" of config.json. The tokenizer itself is a file beside it.
type Tokenizer struct {
	File        string `json:"file"`             // in the run folder
	Kind        string `json:"kind"`             // for a reader
	VocabSize   int    `json:"vocab_size"`       // ids, padding included
	Source      string `json:"source,omitempty"` // what --tokenizer named; nothing if it was trained from captions
	Fingerprint string `json:"fingerprint"`      // to notice another file in its place
}

const (
	tokenizerSection = "tokenizer"
	tokenizerName    = "tokenizer.json"
)

// HasTokenizer reports whether the run has a tokenizer.
func (r *Run) HasTokenizer() bool {
	c, err := r.readConfig()
	return err == nil && c[tokenizerSection] != nil
}

// ReadsCaptions returns the run's model that a tokenizer belongs to, of which there may be several; "" if there is none.
func (r *Run) ReadsCaptions() string {
	for _, model := range []string{"dalle", "clip"} {
		if r.HasState(model) || r.HasWeights(model) {
			return model
		}
	}
	return ""
}

// SetTokenizer makes t the run's tokenizer; source tells where it came from. It is refused if there are models that were
// trained with another one.
func (r *Run) SetTokenizer(t *tokenizer.Tokenizer, source string) error {
	c, err := r.readConfig()
	if err != nil {
		return err
	}
	if model := r.ReadsCaptions(); model != "" && c[tokenizerSection] != nil {
		old, err := r.Tokenizer()
		if err != nil {
			return err
		}
		if old.Fingerprint != t.Fingerprint() {
			return fmt.Errorf("%s: the run's %s was trained with another tokenizer (%s, %d ids; now %s, %d ids); leave out --tokenizer to share it, or choose another folder",
				r.dir, model, old.Kind, old.VocabSize, t.Kind(), t.VocabSize())
		}
	}
	if err := t.Save(r.Path(tokenizerName)); err != nil {
		return err
	}
	description := Tokenizer{File: tokenizerName, Kind: t.Kind(), VocabSize: t.VocabSize(), Source: source, Fingerprint: t.Fingerprint()}
	if err := r.put(c, tokenizerSection, description); err != nil {
		return err
	}
	return r.writeConfig(c)
}

// Tokenizer reads the description of the run's tokenizer.
func (r *Run) Tokenizer() (Tokenizer, error) {
	c, err := r.readConfig()
	if err != nil {
		return Tokenizer{}, err
	}
	var t Tokenizer
	return t, r.decode(c[tokenizerSection], tokenizerSection, `make one with "bestiary train dalle"`, &t)
}

// LoadTokenizer reads the run's tokenizer, and makes sure that it is the one that the models were trained with.
func (r *Run) LoadTokenizer() (*tokenizer.Tokenizer, error) {
	description, err := r.Tokenizer()
	if err != nil {
		return nil, err
	}
	path := r.Path(description.File)
	if !exists(path) {
		return nil, fmt.Errorf("%s: is missing, without which the run's models can't read captions; put back the tokenizer that they were trained with", path)
	}
	t, err := tokenizer.Open(path, tokenizer.Options{})
	if err != nil {
		return nil, err
	}
	if t.Fingerprint() != description.Fingerprint {
		return nil, fmt.Errorf("%s: is another tokenizer (%s, %d ids) than the one that the run's models were trained with (%s, %d ids); put that back",
			path, t.Kind(), t.VocabSize(), description.Kind, description.VocabSize)
	}
	return t, nil
}
