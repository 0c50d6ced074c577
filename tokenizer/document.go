package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// document is a Hugging Face tokenizer.json. Every tokenizer has one, whichever file it comes from. It is built, saved and hashed.
type document struct {
	Version       string          `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	Added         []addedToken    `json:"added_tokens"`
	Normalizer    *component      `json:"normalizer"`
	PreTokenizer  *component      `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         *modelSpec      `json:"model"`
}

type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// component is a normaliser or a pre-tokeniser, with the options of the known types.
type component struct {
	Type               string      `json:"type"`
	Normalizers        []component `json:"normalizers,omitempty"`
	PreTokenizers      []component `json:"pretokenizers,omitempty"`
	Pattern            *pattern    `json:"pattern,omitempty"`
	Content            *string     `json:"content,omitempty"`
	Behavior           string      `json:"behavior,omitempty"`
	Invert             *bool       `json:"invert,omitempty"`
	AddPrefixSpace     *bool       `json:"add_prefix_space,omitempty"`
	TrimOffsets        *bool       `json:"trim_offsets,omitempty"`
	UseRegex           *bool       `json:"use_regex,omitempty"`
	CleanText          *bool       `json:"clean_text,omitempty"`
	HandleChineseChars *bool       `json:"handle_chinese_chars,omitempty"`
	StripAccents       *bool       `json:"strip_accents,omitempty"` // null: as Lowercase
	Lowercase          *bool       `json:"lowercase,omitempty"`
}

type pattern struct {
	Regex  string `json:"Regex,omitempty"`
	String string `json:"String,omitempty"`
}

// modelSpec is a BPE or WordPiece model, with Hugging Face's names.
type modelSpec struct {
	Type         string     `json:"type"`
	Dropout      *float64   `json:"dropout,omitempty"`
	UnkToken     *string    `json:"unk_token"`
	Prefix       *string    `json:"continuing_subword_prefix"`
	Suffix       *string    `json:"end_of_word_suffix,omitempty"`
	FuseUnk      bool       `json:"fuse_unk,omitempty"`
	ByteFallback bool       `json:"byte_fallback,omitempty"`
	IgnoreMerges bool       `json:"ignore_merges,omitempty"`
	MaxChars     *int       `json:"max_input_chars_per_word,omitempty"`
	Bestiary     *extras    `json:"bestiary,omitempty"`
	Vocab        vocabulary `json:"vocab"`
	Merges       mergeList  `json:"merges,omitzero"`
}

// extras are options that Hugging Face's format does not have. Its library ignores this field of the model.
type extras struct {
	Clean   string `json:"clean,omitempty"`    // "CLIP": see [cleanCLIP]
	FileIDs bool   `json:"file_ids,omitempty"` // 0 is a real token, see Options
}

// An unknown field is an error. Of an unknown type only the type is read, for a better message.
var (
	knownComponents = []string{"Sequence", "Lowercase", "StripAccents", "NFC", "NFD", "NFKC", "NFKD", "Replace", "BertNormalizer", "BertPreTokenizer", "ByteLevel", "Split"}
	knownModels     = []string{"BPE", "WordPiece", ""}
)

func (c *component) UnmarshalJSON(data []byte) error {
	if err := unmarshalType(data, &c.Type); err != nil || !slices.Contains(knownComponents, c.Type) {
		return err
	}
	type plain component
	return unmarshalStrictly(data, (*plain)(c))
}

func (m *modelSpec) UnmarshalJSON(data []byte) error {
	if err := unmarshalType(data, &m.Type); err != nil || !slices.Contains(knownModels, m.Type) {
		return err
	}
	type plain modelSpec
	return unmarshalStrictly(data, (*plain)(m))
}

// unmarshalType reads only the type of a component.
func unmarshalType(data []byte, name *string) error {
	var typed struct{ Type string }
	err := json.Unmarshal(data, &typed)
	*name = typed.Type
	return err
}

// unmarshalStrictly is json.Unmarshal that refuses unknown fields.
func unmarshalStrictly(data []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("it goes on after its end")
	}
	return nil
}

// vocabulary maps tokens to ids. It is written in the order of ids.
type vocabulary map[string]int32

func (v vocabulary) MarshalJSON() ([]byte, error) {
	tokens := slices.SortedFunc(maps.Keys(v), func(a, b string) int { return cmp.Or(cmp.Compare(v[a], v[b]), strings.Compare(a, b)) })
	out := []byte{'{'}
	for i, token := range tokens {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := marshal(token)
		if err != nil {
			return nil, err
		}
		out = fmt.Appendf(append(out, key...), ":%d", v[token])
	}
	return append(out, '}'), nil
}

// mergeList is a list of "left right", or of ["left", "right"] in newer files.
type mergeList [][2]string

func (m *mergeList) UnmarshalJSON(data []byte) error {
	var pairs [][]string
	if json.Unmarshal(data, &pairs) != nil {
		var lines []string
		if json.Unmarshal(data, &lines) != nil {
			return errors.New("its merges are neither strings nor pairs of strings")
		}
		pairs = make([][]string, len(lines))
		for i, line := range lines {
			pairs[i] = strings.Split(line, " ")
		}
	}
	*m = make(mergeList, len(pairs))
	for i, p := range pairs {
		if len(p) != 2 {
			return fmt.Errorf("its merge %d is of %d tokens, not two", i, len(p))
		}
		(*m)[i] = [2]string(p)
	}
	return nil
}

// MarshalJSON writes "left right", which every version of Hugging Face's library reads. No token here has a blank.
func (m mergeList) MarshalJSON() ([]byte, error) {
	lines := make([]string, len(m))
	for i, p := range m {
		lines[i] = p[0] + " " + p[1]
	}
	return marshal(lines)
}

// marshal is json.Marshal without escaping <, > and &, so that vocabularies are readable.
func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte{'\n'}), err
}

// isNull reports whether a field is absent or null.
func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }
