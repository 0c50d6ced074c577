package run

import (
	"fmt"
	"io"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// Tokenizer describes the tokenizer of a run's captions: the section "tokenizer" of config.json. The tokenizer itself is a
// file beside it.
type Tokenizer struct {
	File        string `json:"file"`             // in the run folder
	Kind        string `json:"kind"`             // for a reader
	VocabSize   int    `json:"vocab_size"`       // ids, padding included
	Source      string `json:"source,omitempty"` // file that it was read from; "" if it was trained from captions
	Fingerprint string `json:"fingerprint"`      // to notice another file in its place
}

const (
	tokenizerSection = "tokenizer"
	tokenizerName    = "tokenizer.json" // #nosec G101 -- no credential
)

// HasTokenizer reports whether the run has a tokenizer.
func (r *Run) HasTokenizer() bool {
	c, err := r.readConfig()
	return err == nil && c[tokenizerSection] != nil
}

// SetTokenizer makes t the run's tokenizer; source is the file that it was read from, or "". readers are the kinds of
// models that read captions: if the run has one that was trained with another tokenizer, that is an error.
func (r *Run) SetTokenizer(t *tokenizer.Tokenizer, source string, readers ...string) error {
	return r.update(func(c *Commit) error { return c.SetTokenizer(t, source, readers...) })
}

// SetTokenizer is [Run.SetTokenizer] as a part of the commit.
func (c *Commit) SetTokenizer(t *tokenizer.Tokenizer, source string, readers ...string) error {
	all, err := c.readConfig()
	if err != nil {
		return err
	}
	if model := c.run.First(readers); model != "" && all[tokenizerSection] != nil {
		old, err := c.run.Tokenizer()
		if err != nil {
			return err
		}
		if old.Fingerprint != t.Fingerprint() {
			return fmt.Errorf("%s: the run's %s was trained with another tokenizer (%s, %d ids; now %s, %d ids); use that one, or choose another folder",
				c.run.dir, model, old.Kind, old.VocabSize, t.Kind(), t.VocabSize())
		}
	}
	text, err := t.JSON()
	if err != nil {
		return err
	}
	if err := c.write(tokenizerName, func(w io.Writer) (string, error) {
		_, err := w.Write(text)
		return "", err
	}); err != nil {
		return err
	}
	return c.put(all, tokenizerSection, Tokenizer{
		File: tokenizerName, Kind: t.Kind(), VocabSize: t.VocabSize(), Source: source, Fingerprint: t.Fingerprint(),
	})
}

// Tokenizer reads the description of the run's tokenizer.
func (r *Run) Tokenizer() (Tokenizer, error) {
	c, err := r.readConfig()
	if err != nil {
		return Tokenizer{}, err
	}
	var t Tokenizer
	if c[tokenizerSection] == nil {
		return t, fmt.Errorf("%s: has no section %q; train a model that reads captions first, or import a tokenizer", r.Path(configName), tokenizerSection)
	}
	return t, r.decode(c[tokenizerSection], tokenizerSection, &t)
}

// LoadTokenizer reads the run's tokenizer and checks that it is the one that the models were trained with.
func (r *Run) LoadTokenizer() (t *tokenizer.Tokenizer, err error) {
	description, err := r.Tokenizer()
	if err != nil {
		return nil, err
	}
	err = r.settled(func(m *manifest) error {
		t, err = r.openTokenizer(m, description)
		return err
	})
	return t, err
}

func (r *Run) openTokenizer(m *manifest, description Tokenizer) (*tokenizer.Tokenizer, error) {
	path, _ := r.locate(m, description.File)
	if !exists(path) {
		return nil, fmt.Errorf("%s: is missing, and the run's models need it to read captions; put back the tokenizer that they were trained with", path)
	}
	t, err := tokenizer.Open(path, tokenizer.Options{})
	if err != nil {
		return nil, err
	}
	if t.Fingerprint() != description.Fingerprint {
		return nil, fault.Damaged(path, "is another tokenizer (%s, %d ids) than the one that the run's models were trained with (%s, %d ids); put that back",
			t.Kind(), t.VocabSize(), description.Kind, description.VocabSize)
	}
	return t, nil
}
