package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// document is a Hugging Face tokenizer.json. Every tokenizer has one, whichever file it comes from. It is built, saved and hashed.
type document struct {
	Version       string          `json:"version"`
	Truncation    *truncation     `json:"truncation"`
	Padding       *padding        `json:"padding"`
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

func (a *addedToken) UnmarshalJSON(data []byte) error {
	type plain addedToken
	read := struct {
		*plain
		ID json.Number `json:"id"`
	}{plain: (*plain)(a)}
	if err := unmarshalStrictly(data, &read); err != nil {
		return err
	}
	id, err := read.ID.Int64()
	if err != nil || id < 0 || id >= maxID {
		return fmt.Errorf("its added token %s has the id %.40s, which is not in [0, %d)", shorten(a.Content), read.ID, maxID)
	}
	a.ID = int32(id)
	return nil
}

// component is a normalizer or a pre-tokenizer, with the options of the known types.
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
	StripLeft          *bool       `json:"strip_left,omitempty"`
	StripRight         *bool       `json:"strip_right,omitempty"`
	Prepend            string      `json:"prepend,omitempty"`
	Charsmap           string      `json:"precompiled_charsmap,omitempty"`
	IndividualDigits   *bool       `json:"individual_digits,omitempty"`
	Delimiter          string      `json:"delimiter,omitempty"`
	Length             *int        `json:"length,omitempty"`
	Replacement        string      `json:"replacement,omitempty"`
	PrependScheme      string      `json:"prepend_scheme,omitempty"`
	Split              *bool       `json:"split,omitempty"`
	StrRep             string      `json:"str_rep,omitempty"` // of older files; the same as Replacement
}

type pattern struct {
	Regex  string `json:"Regex,omitempty"`
	String string `json:"String,omitempty"`
}

// modelSpec is a model, with Hugging Face's names. For a Unigram, see [unigramSpec].
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
	UnkID        *int       `json:"-"` // of a Unigram
	scores       []float64  // by id, of a Unigram
}

// extras are options that Hugging Face's format does not have. Its library ignores this field of the model.
type extras struct {
	Clean   string `json:"clean,omitempty"`    // "CLIP": see [cleanCLIP]
	FileIDs bool   `json:"file_ids,omitempty"` // 0 is a real token, see Options
}

// An unknown field is an error. Of an unknown type only the type is read, for a better message.
var (
	knownComponents = []string{"Sequence", "Lowercase", "StripAccents", "NFC", "NFD", "NFKC", "NFKD", "Replace", "Strip", "Prepend", "Nmt", "Precompiled", "BertNormalizer",
		"BertPreTokenizer", "ByteLevel", "Split", "Whitespace", "WhitespaceSplit", "Punctuation", "Digits", "CharDelimiterSplit", "FixedLength", "Metaspace"}
	knownModels = []string{"BPE", "WordPiece", "WordLevel", "Unigram", ""}
)

func (c *component) UnmarshalJSON(data []byte) error {
	if err := unmarshalType(data, &c.Type); err != nil || !slices.Contains(knownComponents, c.Type) {
		return err
	}
	type plain component
	return unmarshalStrictly(data, (*plain)(c))
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

// MarshalJSON writes "left right", which every version of Hugging Face's library reads; pairs if a token has a blank.
func (m mergeList) MarshalJSON() ([]byte, error) {
	if m.hasBlank() {
		return marshal([][2]string(m))
	}
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
