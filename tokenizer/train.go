package tokenizer

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"unicode/utf8"
)

// TrainOptions of a byte-level BPE. The zero value asks for the defaults.
type TrainOptions struct {
	VocabSize    int  // ids, with padding and the 256 bytes; 0: 2,048
	MinFrequency int  // a pair that occurs less often isn't merged; 0: 2
	Lowercase    bool // text is lower-cased, here and whenever it is encoded
	PrefixSpace  bool // text gets a space in front, so that its first word has the same tokens as anywhere else
}

const (
	defaultVocabSize    = 2048
	defaultMinFrequency = 2
	baseSize            = 1 + 256 // padding and bytes
)

// Train learns a byte-level BPE from captions: starting from bytes, it makes the most frequent pair of neighbours within words one token,
// again and again. Ties go to the pair with the smaller left id, then right id, so that the outcome depends on the captions alone, not on
// their order. If pairs run out before VocabSize is reached, the vocabulary is smaller: see [Tokenizer.VocabSize].
func Train(captions iter.Seq[string], o TrainOptions) (*Tokenizer, error) {
	if o.VocabSize == 0 {
		o.VocabSize = defaultVocabSize
	}
	if o.MinFrequency == 0 {
		o.MinFrequency = defaultMinFrequency
	}
	if o.VocabSize < baseSize || o.VocabSize > maxID {
		return nil, fmt.Errorf("tokenizer: a vocabulary of %d is not in [%d, %d]; ask for 256 bytes and padding at least", o.VocabSize, baseSize, maxID)
	}
	if o.MinFrequency < 1 {
		return nil, fmt.Errorf("tokenizer: a minimum frequency of %d is not positive; ask for 1 or more", o.MinFrequency)
	}
	d := byteLevelDocument(o)
	words, err := build(d, false) // of bytes only: it splits captions into words as the final one will
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

// countWords counts the words of captions.
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

// byteLevelDocument has the bytes for a vocabulary and no merges, as Hugging Face's trainer begins.
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
