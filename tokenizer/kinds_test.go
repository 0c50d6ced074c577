package tokenizer

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kinds are tokenizers with what Hugging Face's library gives for texts (testdata/huggingface_kinds.py).
type kinds struct {
	Texts []string
	Kinds map[string]struct {
		File    json.RawMessage
		IDs     [][]int32
		Decoded []string
	}
}

func readKinds(t testing.TB, path string) (k kinds) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(unpacked).Decode(&k); err != nil {
		t.Fatal(err)
	}
	if len(k.Kinds) < 60 || len(k.Texts) < 200 {
		t.Fatalf("%d tokenizers, %d texts", len(k.Kinds), len(k.Texts))
	}
	return k
}

// TestKinds compares ids and decoded texts with Hugging Face's library for every section of tokenizer.json that is read, with the
// ids of the file, with ids moved up for padding, and after saving and reading again. BESTIARY_TOKENIZER_KINDS names another
// file with more texts.
func TestKinds(t *testing.T) {
	path := os.Getenv("BESTIARY_TOKENIZER_KINDS")
	if path == "" {
		path = filepath.Join("testdata", "kinds.json.gz")
	}
	k := readKinds(t, path)
	for name, kind := range k.Kinds {
		t.Run(name, func(t *testing.T) {
			for _, fileIDs := range []bool{true, false} {
				tok, err := Parse(name, kind.File, Options{FileIDs: fileIDs})
				if err != nil {
					t.Fatal(err)
				}
				saved, err := tok.JSON()
				if err != nil {
					t.Fatal(err)
				}
				again, err := Parse(name, saved, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if again.Fingerprint() != tok.Fingerprint() || again.VocabSize() != tok.VocabSize() {
					t.Errorf("saved and read again: %d ids of %d, another fingerprint", again.VocabSize(), tok.VocabSize())
				}
				shift := int32(0)
				if !fileIDs && tok.document.Model.Vocab.id(paddingToken) == 0 {
					shift = 1
				}
				failures := 0
				for i, text := range k.Texts {
					want := slices.Clone(kind.IDs[i])
					for j := range want {
						want[j] += shift
					}
					for _, tok := range []*Tokenizer{tok, again} {
						ids, err := tok.Encode(text, []int32{})
						decoded := tok.Decode(ids)
						if err == nil && slices.Equal(ids, want) && (fileIDs == false && shift == 1 || decoded == kind.Decoded[i] || tok.decoders == nil) {
							continue
						}
						if failures++; failures < 4 {
							t.Errorf("ids of the file %v: %q, %v\n got %v %q\nwant %v %q", fileIDs, text, err, ids, decoded, want, kind.Decoded[i])
						}
					}
				}
				if failures > 0 {
					t.Errorf("%d failures", failures)
				}
			}
		})
	}
}

// TestFingerprintsStay checks that tokenizers of run folders keep their fingerprints when this package changes.
func TestFingerprintsStay(t *testing.T) {
	for file, want := range map[string]string{
		"bytelevel.json":              "308d402a5e402a64cf5e3204e83dfbde7835a8e4df662308e0291f21e9765004",
		"bytelevel_added.json":        "e45957e67a71868763a27f6ca945f2abb9fcad3214a1e7bbdc24c47029e70a1c",
		"wordpiece_accents.json":      "539bc5062bde95c8e235060ce39b4545ec7451d8a04555f0e099488ce0fdc057",
		"vocab.txt":                   "979b4be58dfe289a54d2e00de0a2c777f51d1e515d54736b8a30132b2a7490b0",
		"clip_vocab.txt.gz":           "86c8c2a2ef0a17cbda040e2b6e1004f4642ba1c27b08069c125e4b8f0e1c0e81",
		"bytelevel_prefix_lower.json": "b84ec3179227b1f734fb9d50ae8a991c66810738d4fb20bf7d929119a3273e9d",
	} {
		if got := mustOpen(t, filepath.Join("testdata", file), Options{}).Fingerprint(); got != want {
			t.Errorf("%s: %s, not %s", file, got, want)
		}
	}
}

// TestCombiningMarks checks which marks the two normalisers drop: StripAccents all of them, BertNormalizer the non-spacing ones.
func TestCombiningMarks(t *testing.T) {
	for _, c := range []struct {
		normalizer, text, want string
	}{
		{`{"type":"StripAccents"}`, "हिन्दी की", "हनद क"},
		{`{"type":"StripAccents"}`, "தமிழ் கொ", "தமழ க"},
		{`{"type":"StripAccents"}`, "مُحَمَّد", "محمد"},
		{`{"type":"StripAccents"}`, "a\u20dd b\u0488 ก\u0e33 น้ำ", "a b กำ นำ"},
		{`{"type":"StripAccents"}`, "é", "é"}, // composed: no mark
		{`{"type":"BertNormalizer"}`, "हिन्दी की", "हिनदी की"},
		{`{"type":"BertNormalizer"}`, "É a\u20dd", "e a\u20dd"},
		{`{"type":"BertNormalizer","strip_accents":false}`, "É e\u0301", "é e\u0301"},
	} {
		file := `{"normalizer":` + c.normalizer + `,"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0}}}`
		tok, err := Parse("f", []byte(file), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(tok.normalize([]byte(c.text), new(scratch))); got != c.want {
			t.Errorf("%s: %q is %q, not %q", c.normalizer, c.text, got, c.want)
		}
	}
}

// TestKindsAllocateNothing encodes captions whose words are known, and a long word, with every tokenizer.
func TestKindsAllocateNothing(t *testing.T) {
	text := strings.Join(captions(t)[:40], "\n") + strings.Repeat("abcdefghij", 100)
	for name, kind := range readKinds(t, filepath.Join("testdata", "kinds.json.gz")).Kinds {
		tok, err := Parse(name, kind.File, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tok.Encode(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(3, func() { ids, _ = tok.Encode(text, ids[:0]) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestSlowExpression checks that an expression with exponential work is an error of the caption, soon.
func TestSlowExpression(t *testing.T) {
	file := `{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a|a|ab?)+c"},"behavior":"Isolated"},"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0}}}`
	tok, err := Parse("f", []byte(file), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Encode(strings.Repeat("a", 500), nil); err == nil || err.Error() != `tokenizer: the regular expression "(a|a|ab?)+c" takes too long on this caption; shorten the caption` {
		t.Error(err)
	}
	if ids, err := tok.Encode("aac", nil); err != nil || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
}

// TestNoUnknownToken checks that words outside of the vocabulary are an error if there is no unknown token.
func TestNoUnknownToken(t *testing.T) {
	for _, model := range []string{`{"type":"WordLevel","unk_token":"?","vocab":{"bird":0}}`, `{"type":"Unigram","vocab":[["b",-1],["i",-1],["r",-1],["d",-1]]}`} {
		tok, err := Parse("f", []byte(`{"model":`+model+`}`), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := tok.Encode("bird", nil); err != nil || len(ids) == 0 {
			t.Errorf("%s: %v, %v", model, ids, err)
		}
		if ids, err := tok.Encode("gull", []int32{7}); !errors.Is(err, ErrUnknown) || !slices.Equal(ids, []int32{7}) {
			t.Errorf("%s: %v, %v", model, ids, err)
		}
	}
}
