package tokenizer

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/fault"
	"pgregory.net/rapid"
)

// Whatever text gives is decoded to that text, and is never padding.
func TestRoundTrip(t *testing.T) {
	trained := train(t, captions(t), TrainOptions{VocabSize: 500})
	parts := rapid.OneOf(rapid.String(), rapid.SampledFrom(append(captions(t)[:20], "<|padding|>", "  ", "\n", "é", "🐦", "\u3000", "\x00")))
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(parts).Draw(t, "parts"), "")
		ids, err := trained.Encode(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := trained.Decode(ids); got != text {
			t.Fatalf("%q came back as %q (%v)", text, got, ids)
		}
		if slices.Contains(ids, 0) || trained.Known(ids) != len(ids) {
			t.Fatalf("%q is %v", text, ids)
		}
	})
}

// By hand: the vocabulary of CLIP's kind with three merges. Characters from ! on have the ids 0, 1, …, and from 256 on where they end a
// word; both alphabets hold 256 of them. Ours are one more.
func TestCLIPByHand(t *testing.T) {
	file := "\"x#version: 0.2\nr d</w>\nb i\nbi rd</w>\n"
	const B, I, R, S, D = 'b' - '!', 'i' - '!', 'r' - '!', 's' - '!', 'd' - '!'
	const end, rd, bi, bird, startOfText, endOfText = 256, 512, 513, 514, 515, 516
	original, err := Parse("clip.txt", []byte(file), Options{FileIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	shifted, err := Parse("clip.txt", []byte(file), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if original.VocabSize() != 517 || shifted.VocabSize() != 518 {
		t.Errorf("%d and %d ids", original.VocabSize(), shifted.VocabSize())
	}
	for _, c := range []struct {
		text string
		want []int32
		back string
	}{
		{"bird", []int32{bird}, "bird"},
		{"  BIRD\tbird ", []int32{bird, bird}, "bird bird"},
		{"birds", []int32{bi, R, D, S + end}, "birds"},
		{"bird's", []int32{bird, '\'' - '!', S + end}, "bird 's"},
		{"b&amp;amp;i", []int32{B + end, '&' - '!' + end, I + end}, "b & i"},
		{"!", []int32{end}, "!"},
		{"!!", []int32{0, end}, "!!"}, // without FileIDs, no padding
		{"12", []int32{'1' - '!' + end, '2' - '!' + end}, "1 2"},
		{"<|startoftext|>bird<|endoftext|>", []int32{startOfText, bird, endOfText}, "bird"},
		{"", nil, ""},
	} {
		got, err := original.Encode(c.text, nil)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v, not %v", c.text, got, err, c.want)
		}
		got, err = shifted.Encode(c.text, nil)
		for i := range got {
			got[i]--
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: shifted back %v, %v, not %v", c.text, got, err, c.want)
		}
		for i := range got {
			got[i]++
		}
		if back := shifted.Decode(got); back != c.back {
			t.Errorf("%q came back as %q", c.text, back)
		}
	}
}

func TestDecodeChinese(t *testing.T) {
	tok := mustOpen(t, filepath.Join("testdata", "vocab.txt"), Options{})
	ids, err := tok.EncodeFixed("一只黄色的小鸟 with Black WINGS。 the word, unaffable!", 40, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Decode(ids); got != "一只黄色的小鸟with black wings。the word, unaffable!" {
		t.Errorf("%q", got)
	}
	ids, _ = tok.Encode("鴉 bird 鴉", nil)
	if tok.Unknown(ids) != 2 || tok.Known(ids) != 1 {
		t.Errorf("%v has %d unknown, %d known", ids, tok.Unknown(ids), tok.Known(ids))
	}
}

func TestDecodeSkips(t *testing.T) {
	tok := train(t, captions(t), TrainOptions{VocabSize: 500, PrefixSpace: true})
	ids, err := tok.EncodeFixed("a yellow bird", 8, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if id == 0 {
			ids[i] = int32(tok.VocabSize() + i) // as the model does
		}
	}
	if got := tok.Decode(append(ids, -1, 1<<30)); got != "a yellow bird" {
		t.Errorf("%q", got)
	}
	emoji, _ := tok.Encode("🐦", nil)
	if got := tok.Decode(emoji[:len(emoji)-1]); got != "\uFFFD" {
		t.Errorf("half a character is %q", got)
	}
	first, _ := tok.Encode("yellow", nil)
	later, _ := tok.Encode("a yellow", nil)
	if !slices.Equal(first, later[1:]) {
		t.Errorf("the first word is %v, later %v", first, later[1:])
	}
}

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

// Encode appends, and leaves what is there.
func TestEncodeAppends(t *testing.T) {
	tok := train(t, captions(t), TrainOptions{})
	ids, _ := tok.Encode("bird", []int32{7})
	if len(ids) < 2 || ids[0] != 7 {
		t.Errorf("%v", ids)
	}
	if ids, err := tok.Encode("\xff", []int32{7}); !errors.Is(err, ErrNotUTF8) || !slices.Equal(ids, []int32{7}) {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	for name, tok := range everyKind(t) {
		text := strings.Join(captions(t), "\n")
		if name == "CLIP" {
			text = strings.ReplaceAll(text, "&", "and") // what isn't plain ASCII is cleaned in memory of its own
		}
		long := strings.Repeat("abcdefghij", 1000) // too long for the cache
		ids, err := tok.Encode(text+long, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(5, func() { ids, _ = tok.Encode(text, ids[:0]); ids, _ = tok.Encode(long, ids[:0]) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A full cache changes nothing, and goroutines share a tokenizer.
func TestManyWords(t *testing.T) {
	tok := train(t, captions(t), TrainOptions{VocabSize: 500})
	random := rand.New(rand.NewPCG(1, 2))
	var words []string
	for range cachedWords + 1000 {
		words = append(words, string([]byte{byte('a' + random.IntN(26)), byte('a' + random.IntN(26)), byte('a' + random.IntN(26)), byte('a' + random.IntN(26))}))
	}
	text := strings.Join(words, " ")
	want, err := tok.Encode(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			got, err := tok.Encode(text, nil)
			if err != nil || !slices.Equal(got, want) || tok.Decode(got) != text {
				t.Errorf("%d ids, %v; %d before", len(got), err, len(want))
			}
		})
	}
	wait.Wait()
	for _, s := range tok.idle {
		if len(s.words) > cachedWords {
			t.Errorf("%d words are remembered", len(s.words))
		}
	}
}

// A megabyte without a blank takes n·log n, not n² steps: this test would not end.
func TestLongWord(t *testing.T) {
	tok := train(t, captions(t), TrainOptions{})
	text := strings.Repeat("yellowbird", 100_000)
	ids, err := tok.Encode(text, nil)
	if err != nil || tok.Decode(ids) != text {
		t.Errorf("%d ids, %v", len(ids), err)
	}
}

func everyKind(t testing.TB) map[string]*Tokenizer {
	return map[string]*Tokenizer{
		"byte-level": train(t, captions(t), TrainOptions{VocabSize: 500, Lowercase: true}),
		"CLIP":       mustOpen(t, filepath.Join("testdata", "clip_vocab.txt.gz"), Options{}),
		"WordPiece":  mustOpen(t, filepath.Join("testdata", "vocab.txt"), Options{}),
	}
}

// MB/s of captions on one core.
func BenchmarkEncode(b *testing.B) {
	text := strings.Join(captions(b), "\n")
	for name, tok := range everyKind(b) {
		b.Run(name, func(b *testing.B) {
			var ids []int32
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				ids, _ = tok.Encode(text, ids[:0])
			}
		})
		b.Run(name+"/words never seen", func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			var text []byte
			for range 10_000 {
				for range 4 + random.IntN(6) {
					text = append(text, "etaoinshrdlu"[random.IntN(12)])
				}
				text = append(text, ' ')
			}
			var ids []int32
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				for _, s := range tok.idle {
					clear(s.words)
					s.ids = s.ids[:0]
				}
				ids, _ = tok.Encode(string(text), ids[:0])
			}
		})
	}
}

// Any bytes as caption: an error or ids in range, the same ones each time.
func FuzzEncode(f *testing.F) {
	for _, text := range captions(f)[:10] {
		f.Add(text)
	}
	f.Add("\xff")
	kinds := everyKind(f)
	kinds["added"] = mustOpen(f, filepath.Join("testdata", "bytelevel_added.json"), Options{})
	f.Fuzz(func(t *testing.T, text string) {
		for name, tok := range kinds {
			ids, err := tok.Encode(text, nil)
			if (err == nil) != utf8.ValidString(text) {
				t.Fatalf("%s: %v", name, err)
			}
			again, _ := tok.Encode(text, nil)
			if !slices.Equal(ids, again) {
				t.Fatalf("%s: %v, then %v", name, ids, again)
			}
			for _, id := range ids {
				if id <= 0 || int(id) >= tok.VocabSize() {
					t.Fatalf("%s: id %d", name, id)
				}
			}
			if !utf8.ValidString(tok.Decode(ids)) {
				t.Fatalf("%s: decodes to what is not UTF-8", name)
			}
		}
	})
}

// TestBadLengths asks for lengths that make no sense: they are errors, and no memory is taken for them.
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
