package tokenizer

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

func TestEncodeFixed(t *testing.T) {
	tok := train(t, captions(t), TrainOptions{VocabSize: 500})
	chinese := mustOpen(t, filepath.Join("testdata", "vocab.txt"), Options{})
	for _, c := range []struct {
		tok      *Tokenizer
		caption  string
		truncate bool
		tokens   int
		problem  error
		sentence string
	}{
		{tok, " bird bird bird bird", false, 4, nil, ""},
		{tok, " bird bird", false, 2, nil, ""},
		{tok, " bird bird bird bird bird", false, 0, ErrTooLong, "the caption has 5 tokens, 4 fit; shorten it or set Truncate"},
		{tok, " bird bird bird bird bird", true, 4, nil, ""},
		{tok, " \u3000\n", false, 0, ErrEmpty, "the caption is empty; describe the picture in at least one word"},
		{tok, "é\xe9", false, 0, ErrNotUTF8, "the caption is not UTF-8 at byte 2 (0xe9); save it as UTF-8"},
		{chinese, "鴉鴉", false, 0, ErrUnknown, `the caption "鴉鴉" has no word that the tokenizer knows; use words of the captions that it was trained on`},
	} {
		ids, err := c.tok.EncodeFixed(c.caption, 4, c.truncate)
		if c.problem != nil {
			if !errors.Is(err, c.problem) || err.Error() != c.sentence {
				t.Errorf("%q: %v", c.caption, err)
			}
			continue
		}
		if err != nil || len(ids) != 4 || c.tok.Known(ids) != c.tokens || slices.ContainsFunc(ids[c.tokens:], func(id int32) bool { return id != 0 }) {
			t.Errorf("%q: %v, %v", c.caption, ids, err)
		}
	}
}

// TestBadLengths checks that lengths out of range are errors and take no memory.
func TestBadLengths(t *testing.T) {
	tok := train(t, captions(t), TrainOptions{VocabSize: 300})
	for _, length := range []int{math.MinInt, -1, 0, maxLength + 1, math.MaxInt} {
		var field *fault.FieldError
		if _, err := tok.EncodeFixed("a bird", length, true); !errors.As(err, &field) || field.Field != "TextLen" {
			t.Errorf("%d tokens: %v", length, err)
		}
		if _, err := Pad(nil, length, true); !errors.As(err, &field) {
			t.Errorf("padding to %d: %v", length, err)
		}
	}
	if text := tok.Decode([]int32{math.MinInt32, -1, 0, 1 << 30, math.MaxInt32}); text != "" {
		t.Errorf("ids that are not there are %q", text)
	}
}

// TestPad checks that zeros at the end count as padding.
func TestPad(t *testing.T) {
	for _, c := range []struct {
		ids, want []int32
		truncate  bool
	}{
		{[]int32{5}, []int32{5, 0, 0}, false},
		{[]int32{5, 6, 7, 0, 0}, []int32{5, 6, 7}, false},
		{[]int32{5, 0, 0, 0, 8}, []int32{5, 0, 0}, true},
		{[]int32{5, 0, 0, 0, 8}, nil, false},
	} {
		got, err := Pad(slices.Clone(c.ids), 3, c.truncate)
		if !slices.Equal(got, c.want) || (err != nil) != (c.want == nil) {
			t.Errorf("%v: %v, %v", c.ids, got, err)
		}
	}
	tok := train(t, captions(t), TrainOptions{VocabSize: 300})
	if _, err := tok.Encode(strings.Repeat("a", maxText+1), nil); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}
