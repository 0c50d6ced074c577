package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/fault"
)

// TrainOptions are the options of [Train]. The zero value means the defaults.
type TrainOptions struct {
	VocabSize    int  // number of ids, with padding and the 256 bytes: 257 to 4,194,304; 0 means 2,048
	MinFrequency int  // a pair that occurs less often isn't merged, 1 or more; 0 means 2
	Lowercase    bool // lower-case text, in training and encoding
	PrefixSpace  bool // add a leading space, so that the first word has the same tokens as later ones
}

const (
	defaultVocabSize    = 2048
	defaultMinFrequency = 2
	baseSize            = 1 + 256 // padding and bytes
)

// Train learns a byte-level BPE from captions (Sennrich et al., 2016): starting from bytes, it repeatedly merges the most
// frequent pair of neighbours within words into one token. Ties go to the pair with the smaller left id, then the smaller
// right id, so the result does not depend on the order of the captions. If there are too few pairs, the vocabulary is
// smaller than asked for: see [Tokenizer.VocabSize].
//
// Errors: a [*fault.FieldError] for an option that is not allowed, [ErrNotUTF8], and an error if there are no words.
func Train(captions iter.Seq[string], o TrainOptions) (*Tokenizer, error) {
	if o.VocabSize == 0 {
		o.VocabSize = defaultVocabSize
	}
	if o.MinFrequency == 0 {
		o.MinFrequency = defaultMinFrequency
	}
	if o.VocabSize < baseSize || o.VocabSize > maxID {
		return nil, fault.Field("VocabSize", o.VocabSize, "must be %d (256 bytes and padding) to %d", baseSize, maxID)
	}
	if o.MinFrequency < 1 {
		return nil, fault.Field("MinFrequency", o.MinFrequency, "must be 1 or more")
	}
	if captions == nil {
		return nil, errors.New("tokenizer: there are no captions to learn from; give captions")
	}
	d := byteLevelDocument(o)
	words, err := build(d, false) // without merges: it splits captions into words as the final one will
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	counts, err := words.countWords(captions)
	if err != nil {
		return nil, err
	}
	newTrainer(d.Model.Vocab, counts).run(o.VocabSize, o.MinFrequency, d.Model)
	return build(d, false)
}

// countWords returns how often each word occurs.
func (t *Tokenizer) countWords(captions iter.Seq[string]) (map[string]int, error) {
	counts := make(map[string]int)
	count := func(word []byte) { counts[string(word)]++ }
	s := t.borrow()
	number := 0
	for caption := range captions {
		number++
		if !utf8.ValidString(caption) {
			return nil, fmt.Errorf("tokenizer: caption %d: %w", number, notUTF8(caption))
		}
		s.text = append(s.text[:0], caption...)
		t.words(t.normalize(s.text, s), s, count)
	}
	if len(counts) == 0 {
		return nil, fmt.Errorf("tokenizer: there are no words in %d captions to learn from; give captions", number)
	}
	return counts, nil
}

// byteLevelDocument describes a tokenizer of bytes without merges, from which Hugging Face's trainer starts, too.
func byteLevelDocument(o TrainOptions) *document {
	vocab := vocabulary{paddingToken: 0}
	for i, r := range slices.Sorted(maps.Keys(runeByte)) {
		vocab[string(r)] = int32(1 + i)
	}
	split := byteLevelComponent(o.PrefixSpace)
	d := &document{
		Added:        []addedToken{{Content: paddingToken, Special: true}},
		PreTokenizer: &split,
		Decoder:      byteLevelDecoder,
		Model:        &modelSpec{Type: "BPE", Vocab: vocab, Merges: mergeList{}},
	}
	if o.Lowercase {
		d.Normalizer = &component{Type: "Lowercase"}
	}
	return d
}

func byteLevelComponent(prefixSpace bool) component {
	return component{Type: "ByteLevel", AddPrefixSpace: new(prefixSpace), TrimOffsets: new(true), UseRegex: new(true)}
}

var byteLevelDecoder = json.RawMessage(`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`)
