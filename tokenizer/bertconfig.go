package tokenizer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/fault"
)

// bertConfig is what a tokenizer_config.json beside a vocab.txt says, with the defaults of Hugging Face's BertTokenizer for what
// is missing.
type bertConfig struct {
	Lowercase    *bool           `json:"do_lower_case"`          // nil: true
	Chinese      *bool           `json:"tokenize_chinese_chars"` // nil: true
	StripAccents *bool           `json:"strip_accents"`          // nil: as Lowercase
	Basic        *bool           `json:"do_basic_tokenize"`      // nil: true
	Unknown      json.RawMessage `json:"unk_token"`              // a string, or an object with content
}

const bertConfigName = "tokenizer_config.json"

// readBERTConfig reads the tokenizer_config.json beside a vocab.txt; the zero value if there is none.
func readBERTConfig(vocab string) (c bertConfig, err error) {
	path := filepath.Join(filepath.Dir(vocab), bertConfigName)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, damaged(path, 0, "is no JSON with do_lower_case and the like; fetch it again, or remove it")
	}
	var unknown struct{ Content string }
	if json.Unmarshal(c.Unknown, &unknown.Content) != nil {
		_ = json.Unmarshal(c.Unknown, &unknown) // neither form: the default
	}
	if unknown.Content != "" && unknown.Content != unknownToken {
		return c, damaged(path, 0, "has the unk_token %s, and a vocab.txt must have %s; give a tokenizer.json", shorten(unknown.Content), unknownToken)
	}
	if !is(c.Basic, true) {
		return c, damaged(path, 0, "has do_basic_tokenize false, which is not supported; give a tokenizer.json")
	}
	return c, nil
}

// apply changes the configuration as the options say.
func (c *bertConfig) apply(o Options) error {
	if o.Cased && o.Uncased {
		return fault.Field("Cased", o.Cased, "can't be combined with Uncased; set one of them")
	}
	if o.Cased || o.Uncased {
		c.Lowercase, c.StripAccents = &o.Uncased, nil
	}
	return nil
}

// isBERTChinese reports whether a vocabulary is that of bert-base-chinese, or of a model that shares it.
func isBERTChinese(v vocabulary) bool {
	return len(v) == 21128 && v.id(unknownToken) == 100 && v.id("<S>") == 104 && v.id("<T>") == 105
}
