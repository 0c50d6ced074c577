package tokenizer

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// The ids of a text decode to that text and are never padding.
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

// A megabyte without a blank takes n·log n steps; with n² steps this test would not end.
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
