package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What can be wrong with a caption, for errors.Is. The error itself says it in a sentence.
var (
	ErrNotUTF8 = errors.New("not UTF-8")
	ErrEmpty   = errors.New("empty caption")
	ErrUnknown = errors.New("no known token")
	ErrTooLong = errors.New("too long")
)

// captionError is one of the above in a sentence.
type captionError struct {
	problem  error
	sentence string
}

func (e *captionError) Error() string { return e.sentence }
func (e *captionError) Unwrap() error { return e.problem }

func notUTF8(text string) error {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			return &captionError{ErrNotUTF8, fmt.Sprintf("the caption is not UTF-8 at byte %d (0x%02x); save it as UTF-8", i, text[i])}
		}
		i += n
	}
	return nil
}

// EncodeFixed is what a model with length text positions gets: the ids of the caption, padded with 0. It is an error ([ErrEmpty],
// [ErrUnknown], [ErrTooLong], [ErrNotUTF8]) if the caption is blank, has no token that the vocabulary knows, or has more than length of
// them; truncate keeps the first length ones instead of the last error.
func (t *Tokenizer) EncodeFixed(caption string, length int, truncate bool) ([]int32, error) {
	if strings.TrimSpace(caption) == "" {
		return nil, &captionError{ErrEmpty, "the caption is empty; describe the picture in at least one word"}
	}
	ids, err := t.Encode(caption, make([]int32, 0, length))
	if err != nil {
		return nil, err
	}
	if t.Known(ids) == 0 {
		return nil, &captionError{ErrUnknown, fmt.Sprintf("the caption %s has no word that the tokenizer knows; use words of the captions that it was made for", shorten(caption))}
	}
	return Pad(ids, length, truncate)
}

// Pad appends 0 up to length ids. More than length ids are an [ErrTooLong], or cut where truncate is set.
func Pad(ids []int32, length int, truncate bool) ([]int32, error) {
	if len(ids) > length {
		if !truncate {
			return nil, &captionError{ErrTooLong, fmt.Sprintf("the caption has %d tokens, %d fit; shorten it or pass --truncate", len(ids), length)}
		}
		ids = ids[:length]
	}
	for len(ids) < length {
		ids = append(ids, 0)
	}
	return ids, nil
}

// shorten quotes the beginning of a text for an error.
func shorten(text string) string {
	const most = 40
	n := 0
	for i := range text {
		if n++; n > most {
			return fmt.Sprintf("%q", text[:i]+"…")
		}
	}
	return fmt.Sprintf("%q", text)
}
