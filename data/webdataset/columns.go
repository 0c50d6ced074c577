package webdataset

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

const (
	defaultImages = "jpg,jpeg,png,gif,webp,bmp"
	defaultTexts  = "txt,caption"
)

// column is a column, or a key of a JSON column.
type column struct{ name, key string }

// columns are the columns of the pictures and of the captions, by preference.
type columns struct{ images, texts []column }

func parseColumns(o data.Options) (c columns, err error) {
	if c.images, err = parseList("Images", cmp.Or(o.Images, defaultImages)); err != nil {
		return c, err
	}
	if c.texts, err = parseList("Texts", cmp.Or(o.Texts, defaultTexts)); err != nil {
		return c, err
	}
	for _, i := range c.images {
		if i.key != "" {
			return c, fault.Field("Images", o.Images, "column %s:%s cannot hold pictures; name the suffix of the pictures", i.name, i.key)
		}
		if position(c.texts, i.name) >= 0 {
			return c, fault.Field("Images", o.Images, "column %s cannot hold both pictures and captions; leave it out of Images or Texts", i.name)
		}
	}
	return c, nil
}

// parseList parses a field: a list of columns, separated by commas.
func parseList(field, list string) (columns []column, err error) {
	for _, name := range strings.Split(list, ",") {
		suffix, key, keyed := strings.Cut(strings.TrimSpace(name), ":")
		c := column{strings.ToLower(strings.TrimPrefix(suffix, ".")), key}
		if c.name == "" || keyed != (c.name == "json") || keyed && key == "" {
			return nil, fault.Field(field, list, "column %q is not a suffix such as txt, or json:KEY; name the suffixes, separated by commas", name)
		}
		if position(columns, c.name) >= 0 {
			return nil, fault.Field(field, list, "column %s is there twice; name it once", c.name)
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// position returns the index of a column in a list, −1 if it is not there.
func position(list []column, name string) int {
	for i, c := range list {
		if c.name == name {
			return i
		}
	}
	return -1
}

// text returns the captions in the content of a column, one a line.
func (c column) text(content []byte) ([]byte, error) {
	if c.key == "" {
		return content, nil
	}
	content, err := data.DecodeText(content)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(content) { // the JSON decoder would replace it silently
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

// join lists columns.
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
