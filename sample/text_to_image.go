package sample

import (
	"context"
	"fmt"
	"image"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// TextToImageModels are the models of a [TextToImage]. Any may be nil; methods that need it then return a
// [*fault.Missing].
type TextToImageModels struct {
	Codec     models.Codec         // pictures to codes and back
	DALLE     *dalle.DALLE         // generates codes of Codec for captions
	Tokenizer *tokenizer.Tokenizer // of DALLE and CLIP
	CLIP      *clip.CLIP           // scores pictures of Codec's size
}

// TextToImage is the pipeline of a model of codes, such as a discrete VAE, and a DALL-E, and a CLIP if there is one. It generates pictures for
// prompts, completes captions, and encodes and decodes pictures.
type TextToImage struct {
	device  *tensor.Device
	run     string // path of the run folder; "" for models in memory
	data    data.Description
	models  TextToImageModels
	recoded bool // the codec has changed since the DALL-E was trained on its codes
}

// NewTextToImage makes a pipeline of models in memory on device d. Models that don't fit each other give a
// [*fault.FieldError].
func NewTextToImage(d *tensor.Device, description data.Description, m TextToImageModels) (*TextToImage, error) {
	if err := require.Device(d); err != nil {
		return nil, err
	}
	if err := m.agree(); err != nil {
		return nil, err
	}
	return &TextToImage{device: d, data: description, models: m}, nil
}

// agree returns a FieldError if the models don't fit each other.
func (m *TextToImageModels) agree() error {
	name := models.CodecName(m.Codec)
	if m.DALLE != nil && m.Codec != nil {
		c, v := m.DALLE.Config(), m.Codec
		if c.ImageCodes != v.CodebookSize() || c.Height != v.Grid() || c.Width != v.Grid() {
			return fault.Field("DALLE", nil, "the dalle draws %d×%d of %d codes, the %s has %d×%d of %d", c.Height, c.Width, c.ImageCodes, name, v.Grid(), v.Grid(), v.CodebookSize())
		}
	}
	if m.CLIP != nil && m.Codec != nil {
		c, v := m.CLIP.Config(), m.Codec
		if c.ImageSize != v.ImageSize() || c.Channels != v.Channels() {
			return fault.Field("CLIP", nil, "the clip reads pictures of size %d with %d channels, the %s makes pictures of size %d with %d", c.ImageSize, c.Channels, name, v.ImageSize(), v.Channels())
		}
	}
	if m.Tokenizer == nil {
		return nil
	}
	ids := m.Tokenizer.VocabSize()
	if m.DALLE != nil && m.DALLE.Config().TextTokens != ids {
		return fault.Field("Tokenizer", nil, "the dalle reads %d ids of text, the tokenizer has %d", m.DALLE.Config().TextTokens, ids)
	}
	if m.CLIP != nil && m.CLIP.Config().TextTokens != ids {
		return fault.Field("Tokenizer", nil, "the clip reads %d ids of text, the tokenizer has %d", m.CLIP.Config().TextTokens, ids)
	}
	return nil
}

// Size is the width and the height of the pictures, in pixels.
func (p *TextToImage) Size() int {
	switch m := p.models; {
	case m.Codec != nil:
		return m.Codec.ImageSize()
	case m.CLIP != nil:
		return m.CLIP.Config().ImageSize
	}
	return p.data.Size
}

// Channels is 3 for RGB pictures and 4 for pictures with transparency.
func (p *TextToImage) Channels() int {
	switch m := p.models; {
	case m.Codec != nil:
		return m.Codec.Channels()
	case m.CLIP != nil:
		return m.CLIP.Config().Channels
	}
	return max(p.data.Channels, 3)
}

// Grid is the number G of rows, and of columns, of a picture's codes; 0 without a codec.
func (p *TextToImage) Grid() int {
	if p.models.Codec == nil {
		return 0
	}
	return p.models.Codec.Grid()
}

// cells is the number G·G of codes of a picture.
func (p *TextToImage) cells() int { return p.Grid() * p.Grid() }

// Models lists the models that are there: the codec ("dvae", "vqgan" or "openai"), "dalle" and "clip", in this order.
func (p *TextToImage) Models() (names []string) {
	for _, m := range []struct {
		name  string
		there bool
	}{{models.CodecName(p.models.Codec), p.models.Codec != nil}, {models.DALLE.Name, p.models.DALLE != nil}, {models.CLIP.Name, p.models.CLIP != nil}} {
		if m.there {
			names = append(names, m.name)
		}
	}
	return names
}

// Guidable reports whether the DALL-E was also trained without captions. Otherwise classifier-free guidance hardly helps.
func (p *TextToImage) Guidable() bool {
	return p.models.DALLE != nil && p.models.DALLE.Config().NullProb > 0
}

// Dataset describes the pictures that the models were trained on; it is empty for imported models.
func (p *TextToImage) Dataset() data.Description { return p.data }

// Tokenizer is that of the models; nil if there is none.
func (p *TextToImage) Tokenizer() *tokenizer.Tokenizer { return p.models.Tokenizer }

// Pictures converts pixels [N, S, S, C] to pictures.
func (p *TextToImage) Pictures(pixels []uint8) []*image.NRGBA {
	return Split(pixels, p.Size(), p.Channels())
}

// Use calls f with the device and the models while nothing else computes on the device, see [tensor.Device.Exclusive]. A
// failure of the device within f becomes Use's error.
func (p *TextToImage) Use(ctx context.Context, f func(d *tensor.Device, m TextToImageModels) error) error {
	if f == nil {
		return errNoFunction
	}
	_, err := exclusive(ctx, p.device, func() (struct{}, error) { return struct{}{}, f(p.device, p.models) })
	return err
}

// RequireCodec returns a [*fault.Missing] unless there is a codec.
func (p *TextToImage) RequireCodec() error {
	if p == nil {
		return errNoPipeline
	}
	if p.models.Codec == nil {
		return p.missing(models.DVAE.Name)
	}
	return nil
}

// RequireDALLE returns an error unless there is a DALL-E with its tokenizer and its codec: a [*fault.Missing], or an error
// that says that the codec has changed.
func (p *TextToImage) RequireDALLE() error {
	if p == nil {
		return errNoPipeline
	}
	switch m := p.models; {
	case m.DALLE == nil:
		return p.missing(models.DALLE.Name)
	case m.Tokenizer == nil:
		return p.missing("tokenizer")
	case p.recoded:
		name := models.CodecName(p.models.Codec)
		return fmt.Errorf("the %s has changed since the dalle was trained on its codes; restore %s.safetensors, or train the dalle again", name, name)
	}
	return p.RequireCodec()
}

// RequireCLIP returns a [*fault.Missing] unless there is a CLIP with its tokenizer.
func (p *TextToImage) RequireCLIP() error {
	if p == nil {
		return errNoPipeline
	}
	switch m := p.models; {
	case m.CLIP == nil:
		return p.missing(models.CLIP.Name)
	case m.Tokenizer == nil:
		return p.missing("tokenizer")
	}
	return nil
}

func (p *TextToImage) missing(model string) error {
	return &fault.Missing{Run: p.run, Model: model, There: p.Models()}
}
