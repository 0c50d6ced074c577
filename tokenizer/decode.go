package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// decoder changes the tokens of decoded ids. What the last decoder leaves is joined.
type decoder func(tokens []string) []string

// decoderSpec is the section decoder of a tokenizer.json.
type decoderSpec struct {
	Type     string        `json:"type"`
	Decoders []decoderSpec `json:"decoders"`
	Prefix   string        `json:"prefix"`
	Cleanup  bool          `json:"cleanup"`
	Suffix   string        `json:"suffix"`
	Content  string        `json:"content"`
	Start    int           `json:"start"`
	Stop     int           `json:"stop"`
	Pattern  *pattern      `json:"pattern"`

	Replacement    string `json:"replacement"`
	PrependScheme  string `json:"prepend_scheme"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
}

// buildDecoder makes the decoders of the file. Byte-level BPE and WordPiece with their usual decoders decode themselves.
func (t *Tokenizer) buildDecoder(d *document) error {
	var spec decoderSpec
	if !isNull(d.Decoder) {
		if err := json.Unmarshal(d.Decoder, &spec); err != nil {
			return damage("has a decoder that cannot be read")
		}
	}
	own := map[string]string{"byte-level BPE": "ByteLevel", "CLIP BPE": "ByteLevel", "WordPiece": "WordPiece"}[t.kind]
	if own != "" && (spec.Type == "" || spec.Type == own) {
		return nil
	}
	t.decoders = []decoder{withBlanks}
	if spec.Type != "" {
		var err error
		if t.decoders, err = spec.decoders(); err != nil {
			return err
		}
	}
	t.names = make(map[int32]string, t.size)
	for token, id := range d.Model.Vocab {
		t.names[id] = token
	}
	maps.Copy(t.names, t.added)
	return nil
}

// decodeTokens decodes ids by the decoders of the file.
func (t *Tokenizer) decodeTokens(ids []int32) string {
	var tokens []string
	for _, id := range ids {
		if token, ok := t.names[id]; ok && id > 0 && !t.special[id] {
			tokens = append(tokens, token)
		}
	}
	for _, decode := range t.decoders {
		tokens = decode(tokens)
	}
	return lossy(strings.Join(tokens, ""))
}

// withBlanks puts a space between tokens: the decoder of a file without one.
func withBlanks(tokens []string) []string { return []string{strings.Join(tokens, " ")} }

func fuse(tokens []string) []string { return []string{strings.Join(tokens, "")} }

func (c *decoderSpec) decoders() ([]decoder, error) {
	switch c.Type {
	case "Sequence":
		all := []decoder{fuse}[:0] // not nil
		for i := range c.Decoders {
			some, err := c.Decoders[i].decoders()
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	case "Fuse":
		return []decoder{fuse}, nil
	case "ByteLevel":
		return []decoder{bytesOfTokens}, nil
	case "ByteFallback":
		return []decoder{bytesOfCodes}, nil
	case "WordPiece":
		return []decoder{c.wordPiece}, nil
	case "BPEDecoder":
		return []decoder{c.bpe}, nil
	case "Metaspace":
		scheme, err := (&component{PrependScheme: c.PrependScheme, AddPrefixSpace: c.AddPrefixSpace}).prependScheme()
		return []decoder{func(tokens []string) []string { return c.metaspace(tokens, scheme != "never") }}, err
	case "Strip":
		return []decoder{eachToken(c.strip)}, nil
	case "Replace":
		find, err := (&component{Type: "Replace", Pattern: c.Pattern}).matcher()
		if err != nil {
			return nil, err
		}
		change := replaceMatches(find, c.Content)
		return []decoder{eachToken(func(token string) string { return string(change(nil, []byte(token), new(scratch))) })}, nil
	}
	return nil, fmt.Errorf("has the decoder %q", c.Type)
}
