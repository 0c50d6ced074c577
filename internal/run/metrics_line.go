package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// Line is a line of metrics.jsonl: {"model":"flow","step":10,"loss":0.5, …}. NaN and infinities, which JSON can't hold,
// are written as null and read as NaN.
type Line struct {
	Model  string
	Step   int
	Values map[string]float64
}

// MarshalJSON implements json.Marshaler, with the keys in one object and sorted.
func (l Line) MarshalJSON() ([]byte, error) {
	all := make(map[string]any, len(l.Values)+2)
	for name, v := range l.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			all[name] = nil
		} else {
			all[name] = v
		}
	}
	all["model"], all["step"] = l.Model, l.Step
	return json.Marshal(all)
}

// UnmarshalJSON implements json.Unmarshaler. Values that are not numbers are left out.
func (l *Line) UnmarshalJSON(text []byte) error {
	var key struct {
		Model *string
		Step  *int
	}
	if err := json.Unmarshal(text, &key); err != nil {
		return err
	}
	if key.Model == nil || key.Step == nil {
		return errors.New("no model or no step")
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*l = Line{Model: *key.Model, Step: *key.Step, Values: map[string]float64{}}
	for name, v := range all {
		switch v := v.(type) {
		case float64:
			l.Values[name] = v
		case nil:
			l.Values[name] = math.NaN()
		}
	}
	delete(l.Values, "step")
	return nil
}

// encode returns the line with a checksum of what precedes it: {…,"step":10,"crc":"1a2b3c4d"}.
func (l Line) encode() ([]byte, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	text = text[:len(text)-1] // the brace
	return fmt.Appendf(text, "%s%s\"}\n", crcField, sumText(crc32.Checksum(text, castagnoli))), nil
}

// decodeLine parses a line of the log. A line of an older program has no checksum.
func decodeLine(raw []byte) (l Line, ok bool) {
	body, whole := bytes.CutSuffix(raw, []byte("\n"))
	if !whole {
		return l, false
	}
	if at := bytes.LastIndex(body, []byte(crcField)); at >= 0 {
		sum, closed := bytes.CutSuffix(body[at+len(crcField):], []byte(`"}`))
		if !closed || string(sum) != sumText(crc32.Checksum(body[:at], castagnoli)) {
			return l, false
		}
	} else if bytes.Contains(body, []byte(`"crc"`)) {
		return l, false
	}
	return l, json.Unmarshal(body, &l) == nil
}
