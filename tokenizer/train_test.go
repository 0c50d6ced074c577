package tokenizer

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func captions(t testing.TB) []string {
	var all []string
	readJSON(t, filepath.Join("testdata", "captions.json"), &all)
	return all
}

func train(t testing.TB, captions []string, o TrainOptions) *Tokenizer {
	t.Helper()
	tok, err := Train(slices.Values(captions), o)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// Hugging Face's trainer finds the same vocabulary and merges, in the same order.
func TestTrainAsHuggingFace(t *testing.T) {
	for _, c := range []struct {
		file    string
		options TrainOptions
	}{
		{"bytelevel.json", TrainOptions{VocabSize: 500}},
		{"bytelevel_prefix_lower.json", TrainOptions{VocabSize: 420, PrefixSpace: true, Lowercase: true}},
	} {
		got := train(t, captions(t), c.options)
		want := mustOpen(t, filepath.Join("testdata", c.file), Options{})
		if diff := cmp.Diff(want.document.Model.Merges, got.document.Model.Merges); diff != "" {
			t.Errorf("%s: merges (-Hugging Face +ours)\n%s", c.file, diff)
		}
		if diff := cmp.Diff(want.document.Model.Vocab, got.document.Model.Vocab); diff != "" {
			t.Errorf("%s: vocabulary (-Hugging Face +ours)\n%s", c.file, diff)
		}
		if got.VocabSize() != c.options.VocabSize {
			t.Errorf("%s: %d ids", c.file, got.VocabSize())
		}
	}
}

// naiveMerges counts all pairs anew for every merge.
func naiveMerges(words [][]string, most, minFrequency int, rank map[string]int) (merges [][2]string) {
	words = slices.Clone(words)
	for len(merges) < most {
		counts := map[[2]string]int{}
		for _, w := range words {
			for i := 1; i < len(w); i++ {
				counts[[2]string{w[i-1], w[i]}]++
			}
		}
		var best [2]string
		for p, n := range counts {
			m := counts[best]
			if n > m || n == m && (rank[p[0]] < rank[best[0]] || p[0] == best[0] && rank[p[1]] < rank[best[1]]) {
				best = p
			}
		}
		if counts[best] < minFrequency {
			break
		}
		merges = append(merges, best)
		if _, ok := rank[best[0]+best[1]]; !ok {
			rank[best[0]+best[1]] = len(rank) + 1
		}
		for i, w := range words {
			words[i] = naiveMerge(w, best)
		}
	}
	return merges
}

func naiveMerge(word []string, p [2]string) (out []string) {
	for i := 0; i < len(word); i++ {
		if i+1 < len(word) && word[i] == p[0] && word[i+1] == p[1] {
			out = append(out, p[0]+p[1])
			i++
		} else {
			out = append(out, word[i])
		}
	}
	return out
}

// naiveEncode applies the merges one after the other to the whole word.
func naiveEncode(word string, merges [][2]string) []string {
	symbols := strings.Split(word, "")
	for _, p := range merges {
		symbols = naiveMerge(symbols, p)
	}
	return symbols
}

// Training and encoding agree with the plain definition on words of few letters, where pairs overlap and tie all the time.
func TestNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[abc]{1,12}`), 1, 12).Draw(t, "words")
		most := rapid.IntRange(1, 25).Draw(t, "merges")
		frequency := rapid.IntRange(1, 3).Draw(t, "frequency")
		tok, err := Train(slices.Values(words), TrainOptions{VocabSize: baseSize + most, MinFrequency: frequency})
		if err != nil {
			t.Fatal(err)
		}
		var symbols [][]string
		for _, w := range words {
			symbols = append(symbols, strings.Split(w, ""))
		}
		want := naiveMerges(symbols, most, frequency, map[string]int{"a": 1, "b": 2, "c": 3})
		got := [][2]string(tok.document.Model.Merges)
		distinct := map[string]bool{}
		for _, m := range want {
			distinct[m[0]+m[1]] = true
		}
		if len(distinct) == len(want) { // else ids are shared and the vocabulary's size, not the number of merges, ends the training
			if diff := cmp.Diff(want, got); diff != "" && len(want) > 0 {
				t.Fatalf("merges of %q (-naive +ours)\n%s", words, diff)
			}
		}
		for _, w := range append(words, rapid.StringMatching(`[abc]{1,80}`).Draw(t, "other")) {
			ids, err := tok.Encode(w, nil)
			if err != nil {
				t.Fatal(err)
			}
			var pieces []string
			for _, id := range ids {
				pieces = append(pieces, tok.Decode([]int32{id}))
			}
			if len(distinct) == len(want) {
				if diff := cmp.Diff(naiveEncode(w, want), pieces); diff != "" {
					t.Fatalf("%q with %v (-naive +ours)\n%s", w, want, diff)
				}
			}
		}
	})
}

// The order of captions, and of Go's maps, changes nothing.
func TestTrainDeterministic(t *testing.T) {
	all := captions(t)
	want := train(t, all, TrainOptions{VocabSize: 400}).Fingerprint()
	for seed := range uint64(3) {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := train(t, all, TrainOptions{VocabSize: 400}).Fingerprint(); got != want {
			t.Fatalf("shuffle %d: fingerprint %s, not %s", seed, got, want)
		}
	}
	if train(t, all, TrainOptions{VocabSize: 399}).Fingerprint() == want {
		t.Error("two vocabularies have one fingerprint")
	}
	if train(t, all, TrainOptions{VocabSize: 400, PrefixSpace: true}).Fingerprint() == want {
		t.Error("an option isn't in the fingerprint")
	}
}

func TestTrainSmallCorpus(t *testing.T) {
	tok := train(t, []string{"bird", "bird"}, TrainOptions{VocabSize: 1000})
	if got := tok.VocabSize(); got != baseSize+3 { // "bird" takes three merges
		t.Errorf("%d ids", got)
	}
	ids, _ := tok.Encode("bird", nil)
	if len(ids) != 1 || ids[0] != baseSize+2 {
		t.Errorf("bird is %v", ids)
	}
}

func TestTrainRefuses(t *testing.T) {
	for _, c := range []struct {
		captions []string
		options  TrainOptions
		want     string
	}{
		{[]string{"a"}, TrainOptions{VocabSize: 256}, "VocabSize 256: must be 257 (256 bytes and padding) to 4194304"},
		{[]string{"a"}, TrainOptions{MinFrequency: -1}, "MinFrequency -1: must be 1 or more"},
		{[]string{"", ""}, TrainOptions{}, "tokenizer: there are no words in 2 captions to learn from; give captions"},
		{[]string{"a", "b\xffc"}, TrainOptions{}, "tokenizer: caption 2: the caption is not UTF-8 at byte 1 (0xff); save it as UTF-8"},
	} {
		if _, err := Train(slices.Values(c.captions), c.options); err == nil || err.Error() != c.want {
			t.Errorf("%q: %v", c.captions, err)
		}
	}
	if _, err := Train(nil, TrainOptions{}); err == nil {
		t.Error("nil captions: no error")
	}
}
