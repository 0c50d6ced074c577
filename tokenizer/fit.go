package tokenizer

import (
	"encoding/json"
	"fmt"
)

// truncation is the section of a tokenizer.json that says how many ids a text has at most.
type truncation struct {
	Direction string `json:"direction,omitempty"` // "Left": the last ids stay; otherwise the first
	MaxLength int    `json:"max_length"`
	Strategy  string `json:"strategy"`
	Stride    int    `json:"stride"`
}

// padding is the section of a tokenizer.json that says how many ids a text has at least.
type padding struct {
	Strategy  json.RawMessage `json:"strategy"` // "BatchLongest" or {"Fixed": n}
	Direction string          `json:"direction"`
	Multiple  *int            `json:"pad_to_multiple_of"`
	ID        int32           `json:"pad_id"`
	TypeID    int64           `json:"pad_type_id"`
	Token     string          `json:"pad_token"`
	fixed     int             // −1: as long as the text
}

// checkFit checks the sections truncation and padding.
func (d *document) checkFit() error {
	if c := d.Truncation; c != nil {
		switch {
		case c.Strategy == "OnlySecond":
			return fmt.Errorf("has a truncation of the second text of a pair")
		case c.MaxLength < 0 || c.Direction != "" && c.Direction != "Left" && c.Direction != "Right":
			return damage("has a truncation to %d in the direction %s", c.MaxLength, shorten(c.Direction))
		}
	}
	p := d.Padding
	if p == nil {
		return nil
	}
	var fixed struct{ Fixed *int }
	p.fixed = -1
	if string(p.Strategy) != `"BatchLongest"` {
		if json.Unmarshal(p.Strategy, &fixed) != nil || fixed.Fixed == nil || *fixed.Fixed < 0 || *fixed.Fixed > maxLength {
			return damage("has the padding strategy %s; it must be BatchLongest, or Fixed up to %d", shorten(string(p.Strategy)), maxLength)
		}
		p.fixed = *fixed.Fixed
	}
	switch {
	case p.Direction != "Left" && p.Direction != "Right":
		return damage("has a padding in the direction %s", shorten(p.Direction))
	case p.Multiple != nil && (*p.Multiple < 0 || *p.Multiple > maxLength):
		return damage("has a padding to a multiple of %d", *p.Multiple)
	case p.ID < 0 || p.ID >= maxID:
		return damage("has a padding with the id %d", p.ID)
	}
	return nil
}

// fit truncates and pads the ids from begin on, as the file of the tokenizer says.
func (t *Tokenizer) fit(ids []int32, begin int) []int32 {
	if c := t.cut; c != nil && len(ids)-begin > c.MaxLength {
		if c.Direction == "Left" {
			copy(ids[begin:], ids[len(ids)-c.MaxLength:])
		}
		ids = ids[:begin+c.MaxLength]
	}
	p := t.pad
	if p == nil {
		return ids
	}
	n := len(ids) - begin
	want := p.fixed
	if want < 0 {
		want = n
	}
	if p.Multiple != nil && *p.Multiple > 0 {
		want = (want + *p.Multiple - 1) / *p.Multiple * *p.Multiple
	}
	missing := max(want-n, 0)
	for range missing {
		ids = append(ids, p.ID)
	}
	if p.Direction == "Left" && missing > 0 {
		copy(ids[begin+missing:], ids[begin:begin+n])
		for i := range missing {
			ids[begin+i] = p.ID
		}
	}
	return ids
}
