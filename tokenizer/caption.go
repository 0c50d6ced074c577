package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/fault"
)

// Problems of a caption, for [errors.Is]. The text of the error that is returned is a sentence with the remedy.
var (
	ErrNotUTF8 = errors.New("not UTF-8")      // the text is not valid UTF-8
	ErrEmpty   = errors.New("empty caption")  // the caption is blank
	ErrUnknown = errors.New("no known token") // the vocabulary has no token of the caption
	ErrTooLong = errors.New("too long")       // the caption has more tokens than fit
)

// captionError is one of these problems with a sentence.
type captionError struct {
	problem  error
	sentence string
}

func (e *captionError) Error() string { return e.sentence }
func (e *captionError) Unwrap() error { return e.problem }

// notUTF8 returns the error for a text that is not UTF-8, which names the byte; nil for a valid text.
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

// EncodeFixed returns the ids of a caption, padded with 0 to length: the input of a model with length text positions. If
// truncate is set, a longer caption keeps its first length tokens.
//
// Errors: [ErrEmpty], [ErrUnknown], [ErrTooLong] and [ErrNotUTF8]; a [*fault.FieldError] if length is not 1 to 1,048,576.
func (t *Tokenizer) EncodeFixed(caption string, length int, truncate bool) ([]int32, error) {
	if strings.TrimSpace(caption) == "" {
		return nil, &captionError{ErrEmpty, "the caption is empty; describe the picture in at least one word"}
	}
	if err := checkLength(length); err != nil {
		return nil, err
	}
	ids, err := t.Encode(caption, make([]int32, 0, length))
	if err != nil {
		return nil, err
	}
	if t.Known(ids) == 0 {
		return nil, &captionError{ErrUnknown, fmt.Sprintf("the caption %s has no word that the tokenizer knows; use words of the captions that it was trained on", shorten(caption))}
	}
	return Pad(ids, length, truncate)
}

// maxText bounds the bytes of a text, and so the memory that encoding it takes: some 50 times as much.
const maxText = 1 << 24

// maxLength bounds the length of padded ids.
const maxLength = 1 << 20

func checkLength(length int) error {
	if length < 1 || length > maxLength {
		return fault.Field("TextLen", length, "must be 1 to %d", maxLength)
	}
	return nil
}

// Pad appends zeros to ids, up to length, or removes zeros at their end, down to length. If there are more than length ids, it removes the last ones if truncate is set,
// and returns [ErrTooLong] otherwise. It returns a [*fault.FieldError] if length is not 1 to 1,048,576.
func Pad(ids []int32, length int, truncate bool) ([]int32, error) {
	if err := checkLength(length); err != nil {
		return nil, err
	}
	for len(ids) > length && ids[len(ids)-1] == 0 { // padding of the tokenizer's own
		ids = ids[:len(ids)-1]
	}
	if len(ids) > length {
		if !truncate {
			return nil, &captionError{ErrTooLong, fmt.Sprintf("the caption has %d tokens, %d fit; shorten it or set Truncate", len(ids), length)}
		}
		ids = ids[:length]
	}
	for len(ids) < length {
		ids = append(ids, 0)
	}
	return ids, nil
}

// shorten quotes the start of a text, for an error.
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
