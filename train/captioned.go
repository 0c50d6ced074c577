package train

import (
	"encoding/json"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// CaptionedBatch is a batch of N pictures with a caption of L tokens each. [Captioned] overwrites it with the next one.
type CaptionedBatch struct {
	PictureBatch
	Text    []int32 // [N, L] ids, 0 is padding
	TextLen int     // L
}

// TextTensor copies the ids to a device: [N, L].
func (b CaptionedBatch) TextTensor(d *tensor.Device) *tensor.Tensor {
	return d.Ints(b.Text, b.Len(), b.TextLen)
}

// Captioned is a [Source] of pictures with captions. It shows each picture with one of its captions, chosen at random in
// each epoch.
type Captioned struct {
	pictures  *Pictures
	tokenizer *tokenizer.Tokenizer
	length    int     // of a caption, L
	text      []int32 // [N, L], reused
}

// NewCaptioned returns a source of pictures that all have captions, see [CheckCaptions]. The tokenizer encodes a caption
// as length ids: longer ones are cut, shorter ones padded with 0. Close the source.
func NewCaptioned(d *data.Dataset, t *tokenizer.Tokenizer, length int, o data.LoaderOptions) (*Captioned, error) {
	if t == nil {
		return nil, fault.Field("Tokenizer", nil, "must not be nil; open or train one")
	}
	if length < 1 {
		return nil, fault.Field("TextLen", length, "must be 1 or more")
	}
	pictures, err := NewPictures(d, o)
	if err != nil {
		return nil, err
	}
	for i := range d.Len() {
		if i >= len(d.Captions) || len(d.Captions[i]) == 0 {
			pictures.Close()
			return nil, fault.Field("Data", nil, "%s has no caption; add one, or remove the picture", d.Name(i))
		}
	}
	return &Captioned{pictures: pictures, tokenizer: t, length: length, text: make([]int32, 0, o.Batch*length)}, nil
}

// Next implements [Source].
func (c *Captioned) Next() (batch CaptionedBatch, err error) {
	if c.pictures == nil {
		return batch, errNotMade
	}
	pictures, err := c.pictures.Next()
	if err != nil {
		return batch, err
	}
	c.text = c.text[:0]
	for k := range pictures.Len() {
		before := len(c.text)
		if c.text, err = c.tokenizer.Encode(pictures.Captions[k], c.text); err != nil {
			return batch, fmt.Errorf("%s: %w", c.pictures.dataset.Name(pictures.Indices[k]), err)
		}
		c.text = c.text[:min(len(c.text), before+c.length)]
		for len(c.text) < before+c.length {
			c.text = append(c.text, 0)
		}
	}
	return CaptionedBatch{PictureBatch: pictures, Text: c.text, TextLen: c.length}, nil
}

// Batches implements [Source].
func (c *Captioned) Batches() int {
	if c.pictures == nil {
		return 0
	}
	return c.pictures.Batches()
}

// State implements [Source].
func (c *Captioned) State() (json.RawMessage, error) {
	if c.pictures == nil {
		return nil, errNotMade
	}
	return c.pictures.State()
}

// SetState implements [Source].
func (c *Captioned) SetState(state json.RawMessage) error {
	if c.pictures == nil {
		return errNotMade
	}
	return c.pictures.SetState(state)
}

// Share makes Next return the rank's share of each batch, see [data.Loader.Share].
func (c *Captioned) Share(rank, size int) error {
	if c.pictures == nil {
		return errNotMade
	}
	return c.pictures.Share(rank, size)
}

// Vary scales the augmentation of the batches from the next one on, see [data.Loader.Vary].
func (c *Captioned) Vary(strength float64) error {
	if c.pictures == nil {
		return errNotMade
	}
	return c.pictures.Vary(strength)
}

// Close ends the goroutine that prepares batches.
func (c *Captioned) Close() { c.pictures.Close() }
