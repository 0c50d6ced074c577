package safetensors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/internal/printable"
)

// maxHeader is the limit of the format, in bytes.
const maxHeader = 100_000_000

const metadataKey = "__metadata__"

// entry is a tensor in the header. Offsets count from the end of the header.
type entry struct {
	name string

	DType   DType   `json:"dtype"`
	Shape   []int   `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

func (e *entry) begin() int64 { return e.Offsets[0] }
func (e *entry) end() int64   { return e.Offsets[1] }

// parseHeader returns the entries in the order of their data. It checks them against each other and against dataSize, the
// number of bytes that follow.
func parseHeader(header []byte, dataSize int64) (entries []*entry, metadata map[string]string, err error) {
	if !utf8.Valid(header) {
		return nil, nil, fmt.Errorf("its header is not UTF-8")
	}
	entries, metadata, err = decodeHeader(header)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if err := e.check(); err != nil {
			return nil, nil, fmt.Errorf("tensor %s %w", quoted(e.name), err)
		}
	}
	slices.SortFunc(entries, func(a, b *entry) int {
		return strings.Compare(a.name, b.name)
	})
	slices.SortStableFunc(entries, func(a, b *entry) int {
		if a.begin() != b.begin() {
			return int(min(1, max(-1, a.begin()-b.begin())))
		}
		return int(min(1, max(-1, a.end()-b.end())))
	})
	at := int64(0)
	for _, e := range entries {
		if e.begin() != at {
			return nil, nil, fmt.Errorf("tensor %s starts at byte %d of the data instead of %d (a gap or an overlap)", quoted(e.name), e.begin(), at)
		}
		at = e.end()
	}
	switch {
	case at > dataSize:
		return nil, nil, fmt.Errorf("it is cut off: %d bytes of data where the header promises %d", dataSize, at)
	case at < dataSize:
		return nil, nil, fmt.Errorf("%d bytes follow the last tensor", dataSize-at)
	}
	return entries, metadata, nil
}

// decodeHeader decodes the object token by token: Unmarshal into a map would not notice a name that is there twice.
func decodeHeader(header []byte) (entries []*entry, metadata map[string]string, err error) {
	dec := json.NewDecoder(bytes.NewReader(header))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, nil, fmt.Errorf("its header is not a JSON object")
	}
	metadata = map[string]string{}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("its header is not valid JSON (%s)", printable.Short(err.Error()))
		}
		name := token.(string) // the decoder accepts nothing else as a key
		if seen[name] {
			return nil, nil, fmt.Errorf("its header names %s twice", quoted(name))
		}
		seen[name] = true
		if name == metadataKey {
			if err := dec.Decode(&metadata); err != nil {
				return nil, nil, fmt.Errorf("its %s are not strings by name (%s)", metadataKey, printable.Short(err.Error()))
			}
			continue
		}
		e := &entry{name: name}
		if err := dec.Decode(e); err != nil {
			return nil, nil, fmt.Errorf("the header's entry for tensor %s is wrong (%s)", quoted(name), printable.Short(err.Error()))
		}
		entries = append(entries, e)
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, fmt.Errorf("its header is not valid JSON (%s)", printable.Short(err.Error()))
	}
	if rest := header[dec.InputOffset():]; len(bytes.TrimLeft(rest, " ")) > 0 {
		return nil, nil, fmt.Errorf("its header goes on after the JSON object")
	}
	if metadata == nil { // "__metadata__": null
		metadata = map[string]string{}
	}
	return entries, metadata, nil
}

// typeError is the error for an element type that is not read, such as 8-bit floating-point numbers.
type typeError struct{ dtype DType }

func (e *typeError) Error() string {
	return fmt.Sprintf("is of type %s, which is not supported (F64, F32, F16, BF16, I64, I32, U8 and BOOL are)", quoted(string(e.dtype)))
}

// check returns an error for an entry that is wrong by itself.
func (e *entry) check() error {
	size := e.DType.size()
	if size == 0 {
		return &typeError{e.DType}
	}
	if e.Shape == nil || len(e.Offsets) != 2 {
		return fmt.Errorf("lacks a shape or a pair of data_offsets")
	}
	if e.begin() < 0 || e.end() < e.begin() {
		return fmt.Errorf("has offsets %d to %d", e.begin(), e.end())
	}
	n, ok := elements(e.Shape)
	// Divide, as n*size may overflow.
	if bytes := e.end() - e.begin(); !ok || bytes%size != 0 || bytes/size != n {
		return fmt.Errorf("of shape %s and type %s has %d bytes of data", printable.Short(fmt.Sprint(e.Shape)), e.DType, bytes)
	}
	return nil
}

// encodeHeader returns the header, padded with at least [padding] spaces so that the data starts at a multiple of eight
// bytes. The bytes depend on the arguments alone.
func encodeHeader(entries []*entry, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	put := func(separator byte, key string, value any) error {
		b.WriteByte(separator)
		for i, v := range []any{key, value} {
			if i == 1 {
				b.WriteByte(':')
			}
			if err := enc.Encode(v); err != nil {
				return err
			}
			b.Truncate(b.Len() - 1) // the encoder ends with a newline
		}
		return nil
	}
	if err := put('{', metadataKey, metadata); err != nil { // maps are encoded sorted
		return nil, err
	}
	for _, e := range entries {
		if err := put(',', e.name, e); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	for range padding + (8-b.Len()%8)%8 {
		b.WriteByte(' ')
	}
	return b.Bytes(), nil
}
