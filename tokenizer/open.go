package tokenizer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// maxFile bounds what a file may unpack to, in bytes. The largest vocabularies in use take 20 MB.
const maxFile = 1 << 27

// Options of reading a file that doesn't say these things itself.
type Options struct {
	FileIDs bool // ids as in the file even if 0 is a real token: for models of DALLE-pytorch, see the package's comment
	Cased   bool // vocab.txt only: don't lower-case text nor drop accents
}

// Open reads a tokenizer, whichever it is: tokenizer.json, bpe_simple_vocab_16e6.txt or vocab.txt, gzipped or not.
func Open(path string, o Options) (*Tokenizer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: cannot be read; check the path and its permissions", path)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: cannot be read (%w); name the file of a tokenizer", path, err)
	}
	return Parse(path, data, o)
}

// Parse is [Open] for the bytes of a file; path is its name in errors.
func Parse(path string, data []byte, o Options) (*Tokenizer, error) {
	if bytes.HasPrefix(data, []byte{0x1F, 0x8B}) {
		unpacked, err := gzip.NewReader(bytes.NewReader(data))
		if err == nil {
			data, err = io.ReadAll(io.LimitReader(unpacked, maxFile+1))
		}
		if err != nil {
			return nil, fmt.Errorf("tokenizer: %s: cannot be unpacked (%w); fetch it again", path, err)
		}
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("tokenizer: %s: is larger than %d MB; name the file of a tokenizer", path, maxFile>>20)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("tokenizer: %s: is not text in UTF-8; give a tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt", path)
	}
	text := string(data)
	firstLine, _, _ := strings.Cut(text, "\n")
	isVocab := false
	var d *document
	var err error
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), "{"):
		d, err = parseDocument(path, data)
	case strings.Contains(firstLine, "#version"):
		d, err = clipDocument(path, text)
	default:
		isVocab = true
		d, err = bertDocument(path, text, o.Cased)
	}
	if err != nil {
		return nil, err
	}
	if o.Cased && !isVocab {
		return nil, fmt.Errorf("tokenizer: %s: says itself whether it lower-cases; leave the option Cased to a vocab.txt", path)
	}
	t, err := build(d, o.FileIDs)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: the tokenizer %w, which we cannot do; use a byte-level BPE or a BERT WordPiece, or train one from the captions", path, err)
	}
	return t, nil
}

func parseDocument(path string, data []byte) (*document, error) {
	d := new(document)
	if err := unmarshalStrictly(data, d); err != nil {
		return nil, fmt.Errorf("tokenizer: %s: is no tokenizer.json that we can read (%w); save it again with Hugging Face's tokenizers", path, err)
	}
	return d, nil
}

// JSON is the tokenizer as a Hugging Face tokenizer.json, which [Parse] reads back. Whatever their library needs to find the same ids is
// in it, except CLIP's clean-up of HTML and of odd characters, which their format cannot say.
func (t *Tokenizer) JSON() ([]byte, error) {
	data, err := marshal(t.document)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	var out bytes.Buffer
	err = json.Indent(&out, data, "", " ")
	return append(out.Bytes(), '\n'), err
}

// Save writes [Tokenizer.JSON] to path; what is there stays whole until then.
func (t *Tokenizer) Save(path string) error {
	data, err := t.JSON()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, data)
}

// Fingerprint is a hash, in hexadecimal, of everything that text's ids depend on: vocabulary, merges, special tokens and options. It stays
// the same over Save and Open.
func (t *Tokenizer) Fingerprint() string {
	d := *t.document
	d.Decoder = nil
	data, err := marshal(d)
	if err != nil {
		panic(err) // a document is strings and numbers
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
