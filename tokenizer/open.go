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

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// maxFile is the largest size of an uncompressed file, in bytes. The largest vocabularies in use take 20 MB.
const maxFile = 1 << 27

// Options say what a file itself doesn't.
type Options struct {
	FileIDs bool // keep the ids of the file even if 0 is a real token: for models of DALLE-pytorch, see the package comment
	Cased   bool // vocab.txt only: don't lower-case text and don't drop accents
}

// Open reads a tokenizer from a tokenizer.json, bpe_simple_vocab_16e6.txt or vocab.txt, gzipped or not.
//
// Errors: a [*fault.DamagedFile] for a file that is cut off, altered or no tokenizer; a [*fault.FieldError] for an option
// that is not allowed with this file; otherwise the feature of the tokenizer that is not supported.
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
			return nil, damaged(path, 0, "cannot be unpacked (%v); fetch it again", err)
		}
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("tokenizer: %s: is larger than %d MB; name the file of a tokenizer", path, maxFile>>20)
	}
	if !utf8.Valid(data) {
		return nil, damaged(path, 0, "is not text in UTF-8; give a tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt")
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
		return nil, fault.Field("Cased", o.Cased, "must be false for %s, which says itself whether it lower-cases; set it for a vocab.txt only", path)
	}
	t, err := build(d, o.FileIDs)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: the tokenizer %w, which is not supported; use a byte-level BPE or a BERT WordPiece, or train one from the captions", path, err)
	}
	return t, nil
}

// damaged returns the error for a file that is damaged at a line (0: as a whole).
func damaged(path string, line int, problem string, args ...any) error {
	if line > 0 {
		path = fmt.Sprintf("%s:%d", path, line)
	}
	return fmt.Errorf("tokenizer: %w", fault.Damaged(path, problem, args...))
}

// parseDocument reads a tokenizer.json.
func parseDocument(path string, data []byte) (*document, error) {
	d := new(document)
	if err := unmarshalStrictly(data, d); err != nil {
		return nil, damaged(path, 0, "is no tokenizer.json that we can read (%v); save it again with Hugging Face's tokenizers", err)
	}
	return d, nil
}

// JSON returns the tokenizer as a Hugging Face tokenizer.json, which [Parse] reads back. Hugging Face's library gives the same
// ids with it, except where CLIP cleans HTML and special characters, which the format cannot express.
func (t *Tokenizer) JSON() ([]byte, error) {
	data, err := marshal(t.document)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	var out bytes.Buffer
	err = json.Indent(&out, data, "", " ")
	return append(out.Bytes(), '\n'), err
}

// Save writes [Tokenizer.JSON] to path, atomically: an old file stays whole until the new one replaces it.
func (t *Tokenizer) Save(path string) error {
	data, err := t.JSON()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, data)
}

// Fingerprint returns the SHA-256, in hexadecimal, of everything that ids depend on: vocabulary, merges, special tokens and
// options. Save and Open keep it.
func (t *Tokenizer) Fingerprint() string {
	d := *t.document
	d.Decoder = nil
	data, err := marshal(d)
	if err != nil {
		panic(err) // a document is strings and numbers
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
