package train

import (
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// CaptionCount is what [CheckCaptions] counts.
type CaptionCount struct {
	Captions int
	Longest  int // tokens of the longest caption
	TooLong  int // captions that are cut
}

// CheckCaptions checks that every picture has captions and that the tokenizer can read them. A caption of more than
// length ids is counted if truncate is set, and otherwise a [*fault.FieldError] of TextLen; a length of 0 allows any.
// Errors name the picture.
func CheckCaptions(d *data.Dataset, t *tokenizer.Tokenizer, length int, truncate bool) (CaptionCount, error) {
	var count CaptionCount
	if d == nil {
		return count, fault.Field("Data", nil, "must not be nil; give pictures with captions")
	}
	if t == nil {
		return count, fault.Field("Tokenizer", nil, "must not be nil; open or train one")
	}
	var ids []int32
	first := "" // caption that is too long, and its picture
	tokens := 0 // in it
	for i := range d.Len() {
		if i >= len(d.Captions) || len(d.Captions[i]) == 0 {
			return count, fmt.Errorf("%s: has no caption; add one, or remove the picture", d.Name(i))
		}
		for _, caption := range d.Captions[i] {
			var err error
			if ids, err = t.Encode(caption, ids[:0]); err != nil {
				return count, fmt.Errorf("%s: %w", d.Name(i), err)
			}
			if t.Known(ids) == 0 {
				return count, fmt.Errorf("%s: the tokenizer knows no word of its caption %q; correct it, or choose another tokenizer", d.Name(i), beginning(caption))
			}
			count.Captions++
			count.Longest = max(count.Longest, len(ids))
			if length > 0 && len(ids) > length {
				if count.TooLong++; first == "" {
					first, tokens = fmt.Sprintf("%s: its caption %q", d.Name(i), beginning(caption)), len(ids)
				}
			}
		}
	}
	if count.TooLong > 0 && !truncate {
		return count, fault.Field("TextLen", length, "%s has %d tokens where %d fit, and %d of %d captions are too long; raise TextLen to %d, or cut captions with Truncate",
			first, tokens, length, count.TooLong, count.Captions, count.Longest)
	}
	if count.Captions == 0 {
		return count, errors.New("there are no pictures with captions; give some")
	}
	return count, nil
}

// beginning returns as much of a caption as an error shows.
func beginning(caption string) string {
	const most = 80
	if r := []rune(caption); len(r) > most {
		return string(r[:most]) + "…"
	}
	return caption
}
