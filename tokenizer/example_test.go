package tokenizer_test

import (
	"errors"
	"fmt"
	"log"
	"slices"

	"github.com/bestiary-ml/bestiary/tokenizer"
)

// Train learns a byte-level BPE from captions. Decode inverts Encode.
func ExampleTrain() {
	captions := []string{"a small bird with black wings", "a small yellow bird", "a bird with yellow wings"}
	t, err := tokenizer.Train(slices.Values(captions), tokenizer.TrainOptions{VocabSize: 270})
	if err != nil {
		log.Fatal(err)
	}
	ids, err := t.Encode("a small bird", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Kind(), t.VocabSize(), len(ids), t.Decode(ids))
	// Output: byte-level BPE 270 5 a small bird
}

// Open recognises the kind of a tokenizer. This one is CLIP's, with a small vocabulary.
func ExampleOpen() {
	t, err := tokenizer.Open("testdata/clip_vocab.txt.gz", tokenizer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ids, err := t.Encode("A bird &amp; its wings", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Kind(), t.Decode(ids))
	// Output: CLIP BPE a bird & its wings
}

// EncodeFixed pads a caption for a model with a fixed number of text positions.
func ExampleTokenizer_EncodeFixed() {
	t, err := tokenizer.Open("testdata/vocab.txt", tokenizer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ids, err := t.EncodeFixed("a bird", 6, false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(ids), t.Known(ids))
	_, err = t.EncodeFixed("a bird and a bird and a bird", 4, false)
	fmt.Println(errors.Is(err, tokenizer.ErrTooLong))
	// Output:
	// 6 2
	// true
}
