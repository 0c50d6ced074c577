package webdataset

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/data"
)

const (
	defaultImages = "jpg,jpeg,png,gif,webp,bmp"
	defaultTexts  = "txt,caption"
)

// column is one that may hold what is looked for; in JSON, under a key.
type column struct{ name, key string }

// columns are those of the pictures and of the captions, by preference.
type columns struct{ images, texts []column }

func parseColumns(o data.Options) (c columns, err error) {
	if c.images, err = parseList(cmp.Or(o.Images, defaultImages)); err != nil {
		return c, err
	}
	if c.texts, err = parseList(cmp.Or(o.Texts, defaultTexts)); err != nil {
		return c, err
	}
	for _, i := range c.images {
		if i.key != "" {
			return c, fmt.Errorf("column %s:%s cannot hold pictures; name the suffix of the pictures", i.name, i.key)
		}
		if rank(c.texts, i.name) >= 0 {
			return c, fmt.Errorf("column %s cannot hold both pictures and captions; choose one", i.name)
		}
	}
	return c, nil
}

func parseList(list string) (columns []column, err error) {
	for _, name := range strings.Split(list, ",") {
		suffix, key, keyed := strings.Cut(strings.TrimSpace(name), ":")
		c := column{strings.ToLower(strings.TrimPrefix(suffix, ".")), key}
		if c.name == "" || keyed != (c.name == "json") || keyed && key == "" {
			return nil, fmt.Errorf("column %q in %q is not a suffix such as txt, or json:KEY; name the suffixes, separated by commas", name, list)
		}
		if rank(columns, c.name) >= 0 {
			return nil, fmt.Errorf("column %s is twice in %q; name it once", c.name, list)
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// rank returns the place of a column in a list, −1 if it is not there.
func rank(list []column, name string) int {
	for i, c := range list {
		if c.name == name {
			return i
		}
	}
	return -1
}

// text returns the captions, one a line, that the content of a column has.
func (c column) text(content []byte) ([]byte, error) {
	if c.key == "" {
		return content, nil
	}
	if !utf8.Valid(content) { // which the decoder would hide
		return nil, errors.New("not valid UTF-8")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(content, &object); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	value, ok := object[c.key]
	if !ok {
		return nil, fmt.Errorf("no key %q", c.key)
	}
	var several []string
	if err := json.Unmarshal(value, &several); err != nil {
		several = make([]string, 1)
		if err := json.Unmarshal(value, &several[0]); err != nil {
			return nil, fmt.Errorf("%q is neither text nor a list of texts", c.key)
		}
	}
	for i, s := range several {
		several[i] = strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
	}
	return []byte(strings.Join(several, "\n")), nil
}

func join(list []column) string {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.name
		if c.key != "" {
			names[i] += ":" + c.key
		}
	}
	return strings.Join(names, ", ")
}
