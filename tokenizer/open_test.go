package tokenizer

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every file that is not a known tokenizer gives an error of one sentence that names the file.
func TestParseRefuses(t *testing.T) {
	const model = `"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}`
	const split = `"pre_tokenizer":{"type":"ByteLevel"}`
	file := func(parts ...string) string { return "{" + strings.Join(parts, ",") + "}" }
	if _, err := Parse("f", []byte(file(model, split)), Options{}); err != nil {
		t.Fatal(err)
	}
	const again = "; save it again with Hugging Face's tokenizers"
	const cannot = ", which is not supported; use a byte-level BPE or a BERT WordPiece, or train one from the captions"
	for _, c := range []struct {
		name, data, want string
		options          Options
	}{
		{"model", file(`"model":{"type":"Odd","vocab":{"a":0}}`), `the tokenizer has the model "Odd"` + cannot, Options{}},
		{"pre-tokenizer", file(model, `"pre_tokenizer":{"type":"UnicodeScripts"}`), `the tokenizer has the pre-tokenizer "UnicodeScripts"` + cannot, Options{}},
		{"normaliser", file(model, split, `"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Odd"}]}`), `the tokenizer has the normaliser "Odd"` + cannot, Options{}},
		{"decoder", file(model, `"decoder":{"type":"CTC"}`), `the tokenizer has the decoder "CTC"` + cannot, Options{}},
		{"no decoder", file(model, `"decoder":[]`), "the tokenizer has a decoder that cannot be read" + again, Options{}},
		{"expression", file(model, `"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a)\\1"},"behavior":"Isolated","invert":false}`), `the tokenizer has the regular expression "(a)\\1", with \1, which is not supported` + cannot, Options{}},
		{"behavior", file(model, `"pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Odd"}`), `the tokenizer has the behavior "Odd" of a Split` + cannot, Options{}},
		{"no pattern", file(model, `"pre_tokenizer":{"type":"Split","behavior":"Isolated"}`), "the tokenizer has a Split without a pattern" + cannot, Options{}},
		{"metaspace", file(model, `"pre_tokenizer":{"type":"Metaspace","replacement":"ab"}`), `the tokenizer has a Metaspace with the replacement "ab", which is not one character` + cannot, Options{}},
		{"prepend scheme", file(model, `"pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"odd"}`), `the tokenizer has the prepend_scheme "odd" of a Metaspace` + cannot, Options{}},
		{"delimiter", file(model, `"pre_tokenizer":{"type":"CharDelimiterSplit","delimiter":""}`), `the tokenizer has a CharDelimiterSplit at "", which is not one character` + cannot, Options{}},
		{"length", file(model, `"pre_tokenizer":{"type":"FixedLength","length":0}`), "the tokenizer has a FixedLength without a length of 1 or more" + cannot, Options{}},
		{"replacement", file(model, `"normalizer":{"type":"Replace","pattern":{"String":"a"}}`), "the tokenizer has a Replace without content" + again, Options{}},
		{"precompiled", file(model, `"normalizer":{"type":"Precompiled","precompiled_charsmap":"x"}`), "the tokenizer has a normaliser Precompiled that is not in base64" + again, Options{}},
		{"cut precompiled", file(model, `"normalizer":{"type":"Precompiled","precompiled_charsmap":"/wAAAAAA"}`), "the tokenizer has a normaliser Precompiled whose trie of 255 bytes does not fit into its 2 bytes" + again, Options{}},
		{"second text", file(model, `"truncation":{"max_length":5,"strategy":"OnlySecond","stride":0}`), "the tokenizer has a truncation of the second text of a pair" + cannot, Options{}},
		{"negative truncation", file(model, `"truncation":{"max_length":-5,"strategy":"OnlyFirst","stride":0}`), `the tokenizer has a truncation to -5 in the direction ""` + again, Options{}},
		{"huge padding", file(model, `"padding":{"strategy":{"Fixed":1000000000000},"direction":"Right","pad_id":0,"pad_token":"a"}`), `the tokenizer has the padding strategy "{\"Fixed\":1000000000000}"; it must be BatchLongest, or Fixed up to 1048576` + again, Options{}},
		{"padding with what", file(model, `"padding":{"strategy":"BatchLongest","direction":"Right","pad_id":77,"pad_token":"a"}`), "the tokenizer has a padding with the id 78, which no token has" + again, Options{}},
		{"unigram without tokens", file(`"model":{"type":"Unigram","unk_id":0,"vocab":[]}`), "the tokenizer has no vocabulary" + cannot, Options{}},
		{"unigram unknown", file(`"model":{"type":"Unigram","unk_id":5,"vocab":[["a",0.5]]}`), "the tokenizer has the unk_id 6, but 2 tokens" + again, Options{}},
		{"unigram twice", file(`"model":{"type":"Unigram","vocab":[["a",0.5],["a",1]]}`), `is no tokenizer.json that we can read (its vocabulary has "a" twice)` + again, Options{}},
		{"unigram score", file(`"model":{"type":"Unigram","vocab":[["a",1e999]]}`), `is no tokenizer.json that we can read (its vocabulary has "[\"a\",1e999]", which is not a token with a score)` + again, Options{}},
		{"score NaN", file(`"model":{"type":"Unigram","vocab":[["a",NaN]]}`), "is no tokenizer.json that we can read (invalid character 'N' looking for beginning of value)" + again, Options{}},
		{"absurd id", file(strings.Replace(model, `"b":1`, `"b":1099511627776`, 1), split), `is no tokenizer.json that we can read (its token "b" has the id 1099511627776, which is not a whole number in [0, 4194304))` + again, Options{}},
		{"half an id", file(strings.Replace(model, `"b":1`, `"b":1.5`, 1), split), `is no tokenizer.json that we can read (its token "b" has the id 1.5, which is not a whole number in [0, 4194304))` + again, Options{}},
		{"absurd added id", file(model, `"added_tokens":[{"id":1099511627776,"content":"x"}]`), `is no tokenizer.json that we can read (its added token "x" has the id 1099511627776, which is not in [0, 4194304))` + again, Options{}},
		{"another added id", file(model, `"added_tokens":[{"id":7,"content":"x"}]`), `the tokenizer has the added token "x" with the id 7, and Hugging Face's library gives it 3` + again, Options{}},
		{"key twice", file(model, model), `is no tokenizer.json that we can read (it has the key "model" twice)` + again, Options{}},
		{"token twice", file(strings.Replace(model, `"b":1`, `"b":1,"\u0061":3`, 1), split), `is no tokenizer.json that we can read (it has the key "a" twice)` + again, Options{}},
		{"deep", file(`"normalizer":`+strings.Repeat(`{"type":"Sequence","normalizers":[`, 5000)+strings.Repeat("]}", 5000), model), "is no tokenizer.json that we can read (it has more than 64 objects and lists in one another)" + again, Options{}},
		{"no model", file(split), "the tokenizer has no model" + cannot, Options{}},
		{"no vocabulary", file(`"model":{"type":"BPE","vocab":{},"merges":[]}`, split), "the tokenizer has no vocabulary" + cannot, Options{}},
		{"post-processor", file(model, split, `"post_processor":{"type":"Sequence","processors":[{"type":"Odd"}]}`), `the tokenizer has the post-processor "Odd"` + cannot, Options{}},
		{"dropout", file(strings.Replace(model, `"vocab"`, `"dropout":0.1,"vocab"`, 1), split), "the tokenizer drops merges at random (dropout)" + cannot, Options{}},
		{"unknown token", file(strings.Replace(model, `"vocab"`, `"unk_token":"?","vocab"`, 1), split), `the tokenizer has the unknown token "?", which is not in its vocabulary` + again, Options{}},
		{"merge of what", file(strings.Replace(model, `"a b"`, `"a c"`, 1), split), `the tokenizer merges "a" and "c", but they or what they make is not in its vocabulary` + again, Options{}},
		{"ids twice", file(strings.Replace(model, `"b":1`, `"b":2`, 1), split), "the tokenizer has two tokens with the id 2" + again, Options{}},
		{"huge id", file(strings.Replace(model, `"b":1`, `"b":2000000000`, 1), split), `is no tokenizer.json that we can read (its token "b" has the id 2000000000, which is not a whole number in [0, 4194304))` + again, Options{}},
		{"negative id", file(strings.Replace(model, `"b":1`, `"b":-1`, 1), split), `is no tokenizer.json that we can read (its token "b" has the id -1, which is not a whole number in [0, 4194304))` + again, Options{}},
		{"added twice", file(model, split, `"added_tokens":[{"id":7,"content":"a"}]`), `the tokenizer has the added token "a" with two ids` + again, Options{}},
		{"wordpiece without unknown", file(`"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"a":0}}`, `"pre_tokenizer":{"type":"BertPreTokenizer"}`), "the tokenizer has no unknown token in its vocabulary" + cannot, Options{}},
		{"clean", file(strings.Replace(model, `"vocab"`, `"bestiary":{"clean":"new"},"vocab"`, 1), split), `the tokenizer cleans text in a way ("new") that this version does not know` + cannot, Options{}},

		{"field", file(model, split, `"colour":1`), `is no tokenizer.json that we can read (json: unknown field "colour"); save it again with Hugging Face's tokenizers`, Options{}},
		{"merges", file(strings.Replace(model, `"a b"`, `["a"]`, 1), split), "is no tokenizer.json that we can read (its merge 0 is of 1 tokens, not two); save it again with Hugging Face's tokenizers", Options{}},
		{"cut json", file(model, split)[:40], "is no tokenizer.json that we can read (it is cut off); save it again with Hugging Face's tokenizers", Options{}},
		{"two documents", file(model, split) + "{}", "is no tokenizer.json that we can read (it goes on after its end); save it again with Hugging Face's tokenizers", Options{}},
		{"cased json", file(model, split), "Cased true: must be false for f, which says itself whether it lower-cases; set it for a vocab.txt only", Options{Cased: true}},

		{"gpt2 merges", "#version: 0.2\na b\n", "has merges without </w>, so it is not CLIP's vocabulary; for GPT-2's kind give a tokenizer.json", Options{}},
		{"no merge", "#version: 0.2\na b</w>\nab\n", `f:3: "ab" is not two tokens of the lines before; fetch bpe_simple_vocab_16e6.txt.gz again`, Options{}},
		{"cut merge", "#version: 0.2\na b</w>\na c", `f:3: "a c" has no end of the line, so the file is cut off; fetch bpe_simple_vocab_16e6.txt.gz again`, Options{}},
		{"cut after a merge", "\"bpe_simple_vocab_16e6.txt#version: 0.2\na b</w>\na c\n", "has 2 merges of the 48894 that CLIP uses, so the file is cut off; fetch bpe_simple_vocab_16e6.txt.gz again", Options{}},
		{"no line", "bpe_simple_vocab_16e6.txt#version: 0.2 </w>", "has 0 merges of the 48894 that CLIP uses, so the file is cut off; fetch bpe_simple_vocab_16e6.txt.gz again", Options{}},
		{"merges out of order", "#version: 0.2\nx ab</w>\na b</w>\n", `f:2: "x ab</w>" is not two tokens of the lines before; fetch bpe_simple_vocab_16e6.txt.gz again`, Options{}},
		{"vocab without unknown", "bird\nwings\n", "has no line [UNK] and is no other tokenizer that we know; give a tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt", Options{}},
		{"vocab twice", "[UNK]\nbird\nbird\n", `f:3: "bird" is blank or there twice; a vocab.txt has one token a line`, Options{}},
		{"vocab blank", "[UNK]\n\nbird\n", `f:2: "" is blank or there twice; a vocab.txt has one token a line`, Options{}},
		{"empty", "", `f: is empty; give a tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt`, Options{}},
		{"binary", "\x00\xff\xfe", "is not text in UTF-8; give a tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt", Options{}},
		{"cut gzip", string(zipped(t, "#version: 0.2\na b</w>\n")[:20]), "cannot be unpacked (unexpected EOF); fetch it again", Options{}},
	} {
		_, err := Parse("f", []byte(c.data), c.options)
		want := "tokenizer: f: " + c.want
		switch {
		case strings.HasPrefix(c.want, "f:"):
			want = "tokenizer: " + c.want
		case c.options.Cased: // an option, not the file
			want = c.want
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, want)
		}
	}
}

func zipped(t testing.TB, text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A small file that unpacks to more than any vocabulary gives an error before it fills the memory.
func TestGzipBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 128 MB into a compressor")
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	zeros := make([]byte, 1<<20)
	for range maxFile>>20 + 1 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	_, err := Parse("f", out.Bytes(), Options{})
	if err == nil || err.Error() != "tokenizer: f: is larger than 128 MB; name the file of a tokenizer" {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.json")
	if _, err := Open(missing, Options{}); err == nil || err.Error() != "tokenizer: "+missing+": cannot be read; check the path and its permissions" {
		t.Error(err)
	}
	folder := t.TempDir()
	if _, err := Open(folder, Options{}); err == nil || !strings.HasPrefix(err.Error(), "tokenizer: "+folder+": cannot be read") {
		t.Error(err)
	}
}

// A file whose id 0 is padding keeps its ids for all options. Another file, once saved, says whether its ids were moved.
func TestFingerprintAndIDs(t *testing.T) {
	path := filepath.Join("testdata", "clip_vocab.txt.gz")
	moved, kept := mustOpen(t, path, Options{}), mustOpen(t, path, Options{FileIDs: true})
	if moved.Fingerprint() == kept.Fingerprint() || moved.VocabSize() != kept.VocabSize()+1 {
		t.Errorf("%d and %d ids", moved.VocabSize(), kept.VocabSize())
	}
	saved := filepath.Join(t.TempDir(), "tokenizer.json")
	if err := moved.Save(saved); err != nil {
		t.Fatal(err)
	}
	if again := mustOpen(t, saved, Options{FileIDs: true}); again.Fingerprint() != moved.Fingerprint() {
		t.Error("saved ids move again")
	}
	own := filepath.Join("testdata", "bytelevel.json")
	if mustOpen(t, own, Options{}).Fingerprint() != mustOpen(t, own, Options{FileIDs: true}).Fingerprint() {
		t.Error("FileIDs changes a file whose 0 is padding")
	}
	if mustOpen(t, filepath.Join("testdata", "vocab.txt"), Options{}).Fingerprint() == mustOpen(t, filepath.Join("testdata", "vocab.txt"), Options{Cased: true}).Fingerprint() {
		t.Error("Cased isn't in the fingerprint")
	}
}

// Merges as pairs, which newer files have, and as strings are the same; files of before 2020 don't name the model's type.
func TestOldAndNewFiles(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "bytelevel.json"))
	if err != nil {
		t.Fatal(err)
	}
	newer := mustOpen(t, filepath.Join("testdata", "bytelevel.json"), Options{})
	if !bytes.Contains(data, []byte(`"merges":[["`)) {
		t.Fatal("the file has no pairs")
	}
	saved, err := newer.JSON()
	if err != nil {
		t.Fatal(err)
	}
	older := bytes.Replace(saved, []byte(`"type": "BPE",`), nil, 1)
	if len(older) == len(saved) {
		t.Fatal("no type to leave out")
	}
	tok, err := Parse("older", older, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := newer.Encode(captions(t)[0], nil)
	b, _ := tok.Encode(captions(t)[0], nil)
	if tok.Decode(b) != newer.Decode(a) || len(a) != len(b) {
		t.Errorf("%v and %v", a, b)
	}
}

// TestCLIPOfFullSize reads a vocabulary with the name and size of the published one. Lines after the merges that CLIP uses are ignored.
func TestCLIPOfFullSize(t *testing.T) {
	var file strings.Builder
	file.WriteString("\"bpe_simple_vocab_16e6.txt#version: 0.2\n")
	for i := range clipMerges {
		a, b := byteOrder[i/256], byteOrder[i%256]
		fmt.Fprintf(&file, "%c %c%s\n", byteRune[a], byteRune[b], clipEnd)
	}
	for _, rest := range []string{"", "and what CLIP doesn't use", "a b c\n"} {
		tok, err := Parse("f", []byte(file.String()+rest), Options{FileIDs: true})
		if err != nil {
			t.Fatalf("%q behind the merges: %v", rest, err)
		}
		if tok.VocabSize() != 49408 {
			t.Errorf("%q behind the merges: %d ids, want 49408", rest, tok.VocabSize())
		}
	}
}

// TestByteOrderMark reads files that begin with a byte order mark as those without.
func TestByteOrderMark(t *testing.T) {
	for _, content := range []string{
		"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nbird\n",
		`{"version":"1.0","model":{"type":"WordLevel","unk_token":"x","vocab":{"x":0,"bird":1}}}`,
	} {
		a, err := Parse("f", []byte(content), Options{FileIDs: true})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse("f", []byte("\ufeff"+content), Options{FileIDs: true})
		if err != nil || a.Fingerprint() != b.Fingerprint() {
			t.Errorf("with a mark: %v", err)
		}
	}
}
