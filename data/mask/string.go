package mask

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
)

// A string has six bits a character, from '0' on: five of a number, from the lowest on, and one that is set if more follow. The
// numbers are signed: from the fourth on, a count is written as its difference from the last but one.
const (
	firstCharacter = 48
	more           = 0x20
	negative       = 0x10
	payload        = 0x1f
	maxCharacters  = 7 // of a number: 35 bits hold the difference of any two counts
)

// String returns COCO's compressed form, the same bytes as pycocotools.
func (r RLE) String() string {
	text := make([]byte, 0, 2*len(r.counts))
	for i, n := range r.counts {
		x := int64(n)
		if i > 2 {
			x -= int64(r.counts[i-2])
		}
		for {
			c := byte(x & payload)
			x >>= 5
			if x == 0 && c&negative == 0 || x == -1 && c&negative != 0 {
				text = append(text, c+firstCharacter)
				break
			}
			text = append(text, c|more+firstCharacter)
		}
	}
	return string(text)
}

// Parse reads COCO's compressed form. A string that is damaged or of another size is an error.
func Parse(width, height int, text string) (RLE, error) {
	if err := checkSize(width, height); err != nil {
		return RLE{}, err
	}
	var counts []uint32
	left := int64(width * height)
	for i := 0; i < len(text); {
		x, start := int64(0), i
		for last := false; !last; i++ {
			if i == len(text) {
				return RLE{}, errors.New("the run-length encoding ends within a number; copy it again")
			}
			c := int(text[i]) - firstCharacter
			if c < 0 || c > more|payload {
				return RLE{}, fmt.Errorf("the run-length encoding has the character %q; copy it again", text[i])
			}
			if i-start == maxCharacters {
				return RLE{}, errors.New("the run-length encoding has a number that is too large; copy it again")
			}
			x |= int64(c&payload) << (5 * (i - start))
			last = c&more == 0
			if last && c&negative != 0 {
				x |= -1 << (5 * (i - start + 1))
			}
		}
		if n := len(counts); n > 2 {
			x += int64(counts[n-2])
		}
		if x < 0 {
			return RLE{}, errors.New("the run-length encoding has a negative count; copy it again")
		}
		if left -= x; left < 0 {
			return RLE{}, fmt.Errorf("the run-length encoding has more pixels than %d×%d = %d; correct the size or copy it again", width, height, width*height)
		}
		counts = append(counts, uint32(x))
	}
	if left > 0 {
		return RLE{}, fmt.Errorf("the run-length encoding has %d pixels, and not %d×%d = %d; correct the size or copy it again", int64(width*height)-left, width, height, width*height)
	}
	return RLE{width, height, counts}, nil
}

// MarshalJSON writes COCO's compressed form: {"size": [height, width], "counts": string}.
func (r RLE) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Size   [2]int `json:"size"`
		Counts string `json:"counts"`
	}{[2]int{r.height, r.width}, r.String()})
}

// UnmarshalJSON reads COCO's forms: {"size": [height, width], "counts": a string or a list of numbers}.
func (r *RLE) UnmarshalJSON(content []byte) error {
	var form struct {
		Size   []int           `json:"size"`
		Counts json.RawMessage `json:"counts"`
	}
	if err := json.Unmarshal(content, &form); err != nil || len(form.Size) != 2 {
		return fault.Field("Size", form.Size, "must be the height and the width of the mask")
	}
	height, width := form.Size[0], form.Size[1]
	var text string
	if json.Unmarshal(form.Counts, &text) == nil {
		parsed, err := Parse(width, height, text)
		if err == nil {
			*r = parsed
		}
		return err
	}
	var counts []uint32
	if err := json.Unmarshal(form.Counts, &counts); err != nil || counts == nil {
		return errors.New("the counts of a run-length encoding must be a string or a list of whole numbers; correct them")
	}
	made, err := FromCounts(width, height, counts)
	if err == nil {
		*r = made
	}
	return err
}

// MarshalBinary writes the JSON of the mask, for messages in Go's encoding/gob.
func (r RLE) MarshalBinary() ([]byte, error) { return r.MarshalJSON() }

// UnmarshalBinary reads what [RLE.MarshalBinary] writes.
func (r *RLE) UnmarshalBinary(content []byte) error { return r.UnmarshalJSON(content) }
