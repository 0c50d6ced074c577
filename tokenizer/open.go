package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// Options say what a file itself doesn't.
type Options struct {
	FileIDs bool // keep the ids of the file even if 0 is a real token: for models of DALLE-pytorch, see the package comment

	// Cased and Uncased are for a vocab.txt only: keep the case and the accents of text, or lower-case it and drop the accents.
	// If neither is set, the tokenizer_config.json in the folder of the file decides; without one, text is lower-cased, as
	// Hugging Face's BertTokenizer does, but not for the vocabulary of bert-base-chinese, as in DALLE-pytorch.
	Cased, Uncased bool
}

// Open reads a tokenizer from a tokenizer.json, bpe_simple_vocab_16e6.txt or vocab.txt, gzipped or not.
//
// Errors: a [*fault.DamagedFile] for a file that is cut off, altered or no tokenizer; a [*fault.FieldError] for an option
// that is not allowed with this file; otherwise the feature of the tokenizer that is not supported.
func Open(path string, o Options) (*Tokenizer, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if data, err = unpack(path, data); err != nil {
		return nil, err
	}
	var config bertConfig
	if kindOf(data) == vocabFile {
		if config, err = readBERTConfig(path); err != nil {
			return nil, err
		}
	}
	return parse(path, data, o, config)
}

// Parse is [Open] for the bytes of a file; path is its name in errors. It reads no tokenizer_config.json.
func Parse(path string, data []byte, o Options) (*Tokenizer, error) {
	data, err := unpack(path, data)
	if err != nil {
		return nil, err
	}
	return parse(path, data, o, bertConfig{})
}

// fileKind is a kind of file with a tokenizer.
type fileKind uint8

const (
	vocabFile fileKind = iota
	jsonFile
	clipFile
)

// kindOf returns the kind of a file by its start.
func kindOf(data []byte) fileKind {
	firstLine, _, _ := bytes.Cut(data, []byte("\n"))
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")):
		return jsonFile
	case bytes.Contains(firstLine, []byte("#version")):
		return clipFile
	}
	return vocabFile
}

// parse makes the tokenizer of an unpacked file.
func parse(path string, data []byte, o Options, config bertConfig) (*Tokenizer, error) {
	if err := config.apply(o); err != nil {
		return nil, err
	}
	var d *document
	var err error
	kind := kindOf(data)
	switch kind {
	case jsonFile:
		d, err = parseDocument(path, data)
	case clipFile:
		d, err = clipDocument(path, string(data))
	default:
		d, err = bertDocument(path, string(data), config)
	}
	if err != nil {
		return nil, err
	}
	if (o.Cased || o.Uncased) && kind != vocabFile {
		field := "Cased"
		if o.Uncased {
			field = "Uncased"
		}
		return nil, fault.Field(field, true, "must be false for %s, which says itself whether it lower-cases; set it for a vocab.txt only", path)
	}
	t, err := build(d, o.FileIDs)
	var broken *damageError
	if errors.As(err, &broken) {
		return nil, damaged(path, 0, "the tokenizer %v; save it again with Hugging Face's tokenizers", broken)
	}
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
	err := checkJSON(data)
	if err == nil {
		err = unmarshalStrictly(data, d)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it is cut off")
	}
	if err != nil {
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
