package boxes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// jsonReader reads a JSON file part by part, and knows the lines. Its errors are [*lineError].
type jsonReader struct {
	content       []byte
	d             *json.Decoder
	line, counted int // the number of the line at offset counted
}

func newJSON(content []byte) *jsonReader {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	return &jsonReader{content: content, d: json.NewDecoder(bytes.NewReader(content)), line: 1}
}

// at returns the line of the next value.
func (r *jsonReader) at() int {
	// The offset is before the spaces that precede the next value.
	offset := int(r.d.InputOffset())
	for offset < len(r.content) && strings.IndexByte(" \t\r\n,:", r.content[offset]) >= 0 {
		offset++
	}
	if offset > r.counted {
		r.line += bytes.Count(r.content[r.counted:offset], []byte("\n"))
		r.counted = offset
	}
	return r.line
}

// failed returns an error of the decoder with its line.
func (r *jsonReader) failed(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		line := 1 + bytes.Count(r.content[:min(int(syntax.Offset), len(r.content))], []byte("\n"))
		return &lineError{line, "is not well-formed JSON (" + short(err.Error()) + "); repair it"}
	case errors.As(err, &kind):
		return &lineError{r.at(), fmt.Sprintf("has a %s where %s is expected in %s; correct it", short(kind.Value), kind.Type, short(kind.Field))}
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return &lineError{1 + bytes.Count(r.content, []byte("\n")), "ends too early; copy it again"}
	}
	return &lineError{r.at(), "cannot be read (" + short(err.Error()) + "); repair it"}
}

// decode reads the next value.
func (r *jsonReader) decode(v any) error {
	if err := r.d.Decode(v); err != nil {
		return r.failed(err)
	}
	return nil
}

// skip reads over the next value.
func (r *jsonReader) skip() error {
	var skipped json.RawMessage
	return r.decode(&skipped)
}

// next returns the first byte of the next value; 0 at the end.
func (r *jsonReader) next() byte {
	r.at()
	if r.counted == len(r.content) {
		return 0
	}
	return r.content[r.counted]
}

// opens reads the beginning of an object or a list.
func (r *jsonReader) opens(want json.Delim, problem string) error {
	line := r.at()
	token, err := r.d.Token()
	if err != nil {
		return r.failed(err)
	}
	if token != want {
		return &lineError{line, problem}
	}
	return nil
}

// object reads an object; each reads the value of a key.
func (r *jsonReader) object(remedy string, each func(key string) error) error {
	if err := r.opens('{', "does not begin with an object; "+remedy); err != nil {
		return err
	}
	for r.d.More() {
		token, err := r.d.Token()
		if err != nil {
			return r.failed(err)
		}
		key, _ := token.(string)
		if err := each(key); err != nil {
			return err
		}
	}
	return r.closes()
}

// list reads a list; each reads an element.
func (r *jsonReader) list(problem string, each func(line int) error) error {
	if err := r.opens('[', problem); err != nil {
		return err
	}
	for r.d.More() {
		if err := each(r.at()); err != nil {
			return err
		}
	}
	return r.closes()
}

func (r *jsonReader) closes() error {
	if _, err := r.d.Token(); err != nil {
		return r.failed(err)
	}
	return nil
}

// located returns a [*lineError] as a [*fault.DamagedFile].
func located(file string, err error) error {
	var where *lineError
	if errors.As(err, &where) {
		return fault.Damaged(fmt.Sprintf("%s:%d", file, where.line), "%s", where.text)
	}
	return err
}

// numbers is a list of numbers. Those that are null are NaN, and not 0.
type numbers []float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *numbers) UnmarshalJSON(content []byte) error {
	var all []*float64
	if err := json.Unmarshal(content, &all); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Type == reflect.TypeOf(all) {
			kind.Type = reflect.TypeFor[[]float64]() // for the message
		}
		return err
	}
	for _, v := range all {
		if v == nil {
			*n = append(*n, math.NaN())
		} else {
			*n = append(*n, *v)
		}
	}
	return nil
}
