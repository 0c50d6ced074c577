package train

import (
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/usage"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// Captioned is a [Source] of pictures with their captions: [Pictures], each with one of its captions, another one each
// epoch.
type Captioned struct {
	*Pictures
	Text []int32 // [Batch, length], ids of the current batch, 0 for padding

	tokenizer *tokenizer.Tokenizer
	length    int
}

// NewCaptioned returns a source of pictures that all have captions, see [CheckCaptions], as length ids of a tokenizer
// each; longer captions are cut. Close it.
func NewCaptioned(d *data.Dataset, t *tokenizer.Tokenizer, length int, o data.LoaderOptions) (*Captioned, error) {
	pictures, err := NewPictures(d, o)
	if err != nil {
		return nil, err
	}
	return &Captioned{Pictures: pictures, Text: make([]int32, 0, o.Batch*length), tokenizer: t, length: length}, nil
}

// Next implements Source.
func (c *Captioned) Next() (int, error) {
	n, err := c.Pictures.Next()
	if err != nil {
		return 0, err
	}
	c.Text = c.Text[:0]
	for k := range n {
		before := len(c.Text)
		if c.Text, err = c.tokenizer.Encode(c.batch.Captions[k], c.Text); err != nil {
			return 0, fmt.Errorf("%s: %w", c.dataset.Name(c.batch.Indices[k]), err)
		}
		c.Text = c.Text[:min(len(c.Text), before+c.length)]
		for len(c.Text) < before+c.length {
			c.Text = append(c.Text, 0)
		}
	}
	return n, nil
}

// Indices tells which pictures of the dataset the current batch holds. It is overwritten by Next.
func (c *Captioned) Indices() []int { return c.batch.Indices }

// CaptionCount is what there is to say about the captions of a dataset.
type CaptionCount struct {
	Captions int
	Longest  int // tokens
	TooLong  int // captions that have to be cut
}

// CheckCaptions makes sure that a tokenizer can read all captions of the pictures. Those of more than length ids
// (0: any number is fine) are counted where truncate is set, and an error otherwise. Errors name the picture.
func CheckCaptions(d *data.Dataset, t *tokenizer.Tokenizer, length int, truncate bool) (CaptionCount, error) {
	var count CaptionCount
	var ids []int32
	first := "" // caption that is too long, and where it is
	tokens := 0
	for i := range d.Len() {
		if d.Captions == nil || len(d.Captions[i]) == 0 {
			return count, fmt.Errorf("%s: has no caption; add one, or remove the picture", d.Name(i))
		}
		for _, caption := range d.Captions[i] {
			var err error
			if ids, err = t.Encode(caption, ids[:0]); err != nil {
				return count, fmt.Errorf("%s: %w", d.Name(i), err)
			}
			if t.Known(ids) == 0 {
				return count, fmt.Errorf("%s: the tokenizer knows no word of its caption %q; correct it, or choose another --tokenizer", d.Name(i), beginning(caption))
			}
			count.Captions++
			count.Longest = max(count.Longest, len(ids))
			if length > 0 && len(ids) > length {
				if count.TooLong++; first == "" {
					first, tokens = fmt.Sprintf("%s: its caption %q", d.Name(i), beginning(caption)), len(ids)
				}
			}
		}
	}
	if count.TooLong > 0 && !truncate {
		return count, usage.Errorf("%s has %d tokens where %d fit, and %d of %d captions are too long; raise --text-len to %d, or cut them with --truncate-captions",
			first, tokens, length, count.TooLong, count.Captions, count.Longest)
	}
	if count.Captions == 0 {
		return count, errors.New("there are no pictures with captions; give some")
	}
	return count, nil
}

// beginning is as much of a caption as an error shows.
func beginning(caption string) string {
	const most = 80
	if r := []rune(caption); len(r) > most {
		return string(r[:most]) + "…"
	}
	return caption
}
