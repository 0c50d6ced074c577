package tokenizer

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// clipTexts are texts with what ftfy makes of them, and their ids from DALLE-pytorch's SimpleTokenizer (testdata/clip.py).
type clipTexts struct {
	Texts, Fixed   []string
	Published, Cut [][]int32
}

// knownDifferences reads the mojibake that we repair in another way than ftfy: 115 of the 565 texts. Most are texts that ftfy
// leaves as they are, such as "≈Å√≥d≈∫" for "Łódź"; some have lost bytes ("Ã" for "Ã\u00a0"), which only ftfy guesses. The
// values are what we make of them.
func knownDifferences(t *testing.T) (known map[string]string) {
	data, err := os.ReadFile(filepath.Join("testdata", "clip_differences.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &known); err != nil {
		t.Fatal(err)
	}
	return known
}

// readCLIPTexts reads them. BESTIARY_CLIP_TEXTS names another file with more texts.
func readCLIPTexts(t *testing.T) (c clipTexts) {
	path := os.Getenv("BESTIARY_CLIP_TEXTS")
	if path == "" {
		path = filepath.Join("testdata", "clip_original.json.gz")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(unpacked).Decode(&c); err != nil {
		t.Fatal(err)
	}
	if len(c.Texts) < 400 {
		t.Fatal(len(c.Texts), "texts")
	}
	return c
}

// TestFixText compares with ftfy.fix_text, but for the known differences.
func TestFixText(t *testing.T) {
	c, known := readCLIPTexts(t), knownDifferences(t)
	failures := 0
	for i, text := range c.Texts {
		want, isKnown := known[text]
		if !isKnown {
			want = c.Fixed[i]
		}
		if got := fixText(text); got != want {
			if failures++; failures < 20 {
				t.Errorf("%+q\n got %+q\nwant %+q", text, got, want)
			}
		}
	}
	if failures > 0 {
		t.Errorf("%d of %d texts differ", failures, len(c.Texts))
	}
}

// TestCLIPOriginal compares with DALLE-pytorch's SimpleTokenizer: with a small vocabulary, and with the published one if
// BESTIARY_CLIP_VOCAB names it.
func TestCLIPOriginal(t *testing.T) {
	c, known := readCLIPTexts(t), knownDifferences(t)
	check := func(path string, want [][]int32) {
		tok := mustOpen(t, path, Options{FileIDs: true})
		saved, err := tok.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("saved", saved, Options{})
		if err != nil {
			t.Fatal(err)
		}
		failures := 0
		for i, text := range c.Texts {
			if _, isKnown := known[text]; isKnown {
				continue
			}
			for _, tok := range []*Tokenizer{tok, again} {
				if got, err := tok.Encode(text, []int32{}); err != nil || !slices.Equal(got, want[i]) {
					if failures++; failures < 10 {
						t.Errorf("%s: %+q\n got %v, %v\nwant %v", path, text, got, err, want[i])
					}
				}
			}
		}
		if failures > 0 {
			t.Errorf("%s: %d failures", path, failures)
		}
	}
	check(filepath.Join("testdata", "clip_vocab.txt.gz"), c.Cut)
	if path := os.Getenv("BESTIARY_CLIP_VOCAB"); path != "" {
		check(path, c.Published)
	} else {
		t.Log("set BESTIARY_CLIP_VOCAB to bpe_simple_vocab_16e6.txt.gz to check the published vocabulary")
	}
}
