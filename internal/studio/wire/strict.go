package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// careful refuses what package json accepts though it is hardly meant: a field twice, of which the last would win, null in an array,
// which would be 0, and text that isn't UTF-8. Fields of v must have their exact names, in small letters. raw is valid JSON.
func careful(raw []byte, v any) error {
	if !utf8.Valid(raw) || halfCharacter(raw) {
		return problem.New(http.StatusBadRequest, "the body is not UTF-8")
	}
	c := &carefully{json.NewDecoder(bytes.NewReader(raw)), namesOf(v)}
	return c.value("the body", false, true)
}

// halfCharacter reports whether a text of valid JSON has one half of a surrogate pair, such as "\ud800", which package json replaces.
func halfCharacter(raw []byte) bool {
	wanted := false // the lower half
	for i := 0; i < len(raw); i++ {
		var code uint64
		if raw[i] == '\\' && i+5 < len(raw) && raw[i+1] == 'u' {
			code, _ = strconv.ParseUint(string(raw[i+2:i+6]), 16, 16) // valid JSON has four hexadecimal digits
			i += 5
		} else if raw[i] == '\\' {
			i++
		}
		if lower := code >= 0xdc00 && code <= 0xdfff; lower != wanted {
			return true
		}
		wanted = code >= 0xd800 && code <= 0xdbff
	}
	return wanted
}

// namesOf returns the names of the fields of *v in JSON; nil if it is no struct.
func namesOf(v any) (names []string) {
	if t := reflect.TypeOf(v).Elem(); t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

// unknown is the error for a field that a request doesn't have.
func unknown(field string) error {
	return problem.Wrong(field, "is no field of this request; leave it out")
}

type carefully struct {
	*json.Decoder
	known []string // names of the outermost fields; nil: any
}

// value reads a value: that of a field, or an element of the array that is a field's value.
func (c *carefully) value(field string, element, outermost bool) error {
	token, err := c.Token()
	if err != nil {
		return err
	}
	switch token {
	case nil:
		if element {
			return problem.Wrong(field, "must have no null in it")
		}
		return nil
	case json.Delim('['):
		for c.More() {
			if err := c.value(field, true, false); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		if err := c.fields(outermost); err != nil {
			return err
		}
	default:
		return nil
	}
	_, err = c.Token() // the end
	return err
}

// fields reads the fields of an object.
func (c *carefully) fields(outermost bool) error {
	seen := map[string]bool{}
	for c.More() {
		key, err := c.Token()
		if err != nil {
			return err
		}
		field := key.(string)
		switch {
		case seen[field]:
			return problem.Wrong(field, "must be there once")
		case outermost && c.known != nil && !slices.Contains(c.known, field):
			return unknown(field)
		}
		seen[field] = true
		if err := c.value(field, false, false); err != nil {
			return err
		}
	}
	return nil
}
