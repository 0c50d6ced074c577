package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

// withConfig returns the path of a vocab.txt in a folder with a tokenizer_config.json; "" or "null": without one.
func withConfig(t *testing.T, vocab, config string) string {
	t.Helper()
	folder := t.TempDir()
	if config != "" && config != "null" {
		if err := os.WriteFile(filepath.Join(folder, "tokenizer_config.json"), []byte(config), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "vocab.txt")
	if err := os.WriteFile(path, []byte(vocab), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBERTConfigs compares with the BertTokenizer of transformers (testdata/bert.py).
func TestBERTConfigs(t *testing.T) {
	vocab, err := os.ReadFile(filepath.Join("testdata", "vocab.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Texts   []string
		Configs [][2]json.RawMessage
	}
	readJSON(t, filepath.Join("testdata", "expected", "bert_configs.json"), &expected)
	if len(expected.Configs) < 8 {
		t.Fatal(len(expected.Configs), "configurations")
	}
	for _, c := range expected.Configs {
		var ids [][]int32
		if err := json.Unmarshal(c[1], &ids); err != nil {
			t.Fatal(err)
		}
		tok := mustOpen(t, withConfig(t, string(vocab), string(c[0])), Options{})
		for i, text := range expected.Texts {
			if got, err := tok.Encode(text, []int32{}); err != nil || !slices.Equal(got, ids[i]) {
				t.Errorf("%s: %q is %v, %v, not %v", c[0], text, got, err, ids[i])
			}
		}
	}
}

// TestCase checks who decides whether a vocab.txt lower-cases: the options, then tokenizer_config.json, then the vocabulary.
func TestCase(t *testing.T) {
	lines := []string{"[PAD]"}
	for len(lines) < 21128 {
		lines = append(lines, fmt.Sprintf("[unused%d]", len(lines)))
	}
	copy(lines[100:], []string{"[UNK]", "[CLS]", "[SEP]", "[MASK]", "<S>", "<T>", "bird"})
	chinese := strings.Join(lines, "\n") + "\n"
	other := "[PAD]\n[UNK]\nbird\n"
	for _, c := range []struct {
		vocab, config string
		options       Options
		lower         bool
	}{
		{other, "", Options{}, true},
		{other, `{"do_lower_case":false}`, Options{}, false},
		{other, `{"do_lower_case":false}`, Options{Uncased: true}, true},
		{other, `{"do_lower_case":true}`, Options{Cased: true}, false},
		{other, "", Options{Cased: true}, false},
		{chinese, "", Options{}, false}, // as bert-base-chinese's published configuration
		{chinese, `{"do_lower_case":true}`, Options{}, true},
		{chinese, "", Options{Uncased: true}, true},
	} {
		tok := mustOpen(t, withConfig(t, c.vocab, c.config), c.options)
		ids, err := tok.Encode("Bird", nil)
		if err != nil || tok.Known(ids) == 1 != c.lower {
			t.Errorf("%d ids, %s, %+v: %v, %v", tok.VocabSize(), c.config, c.options, ids, err)
		}
	}
	_, err := Open(withConfig(t, other, ""), Options{Cased: true, Uncased: true})
	if field := (*fault.FieldError)(nil); !errors.As(err, &field) || field.Field != "Cased" {
		t.Error(err)
	}
}

// TestBERTConfigRefuses checks that a configuration that can't be followed is an error.
func TestBERTConfigRefuses(t *testing.T) {
	for config, want := range map[string]string{
		"{":                            "is no JSON with do_lower_case and the like; fetch it again, or remove it",
		`{"do_lower_case":"yes"}`:      "is no JSON with do_lower_case and the like; fetch it again, or remove it",
		`{"unk_token":"<unk>"}`:        `has the unk_token "<unk>", and a vocab.txt must have [UNK]; give a tokenizer.json`,
		`{"do_basic_tokenize": false}`: "has do_basic_tokenize false, which is not supported; give a tokenizer.json",
	} {
		path := withConfig(t, "[PAD]\n[UNK]\nbird\n", config)
		_, err := Open(path, Options{})
		var file *fault.DamagedFile
		if !errors.As(err, &file) || file.Path != filepath.Join(filepath.Dir(path), "tokenizer_config.json") || file.Problem != want {
			t.Errorf("%s: %v", config, err)
		}
	}
}
