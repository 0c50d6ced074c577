package sample

import (
	"context"
	"image"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// TextToImageModels are the models of a [TextToImage]. Any may be nil; methods that need it then return a
// [*fault.Missing].
type TextToImageModels struct {
	Codec     models.Codec         // pictures to codes and back
	DALLE     *dalle.DALLE         // generates codes of Codec for captions
	MaskGIT   *maskgit.Model       // likewise
	KL        *vqgan.Model         // pictures to latents and back
	Rectified *rectified.Model     // generates latents of KL for captions
	Tokenizer *tokenizer.Tokenizer // of the generators and CLIP
	CLIP      *clip.CLIP           // scores pictures of the same size
}

// TextToImage is the pipeline of the text-to-image models of a run: generators, which draw pictures for captions, the
// autoencoders whose codes or latents they generate, and a CLIP. It generates pictures for prompts, completes captions, and
// encodes and decodes pictures. The generators are DALL-E, MaskGIT and rectified flow.
type TextToImage struct {
	device  *tensor.Device
	run     string // path of the run folder; "" for models in memory
	data    data.Description
	models  TextToImageModels
	shown   map[string]data.Description // what each generator of the run was trained on, unless it is data
	alone   bool                        // compute one picture at a time where results would depend on the others, see GenerateTogether
	recoded []string                    // generators that were trained on the codes or latents of other autoencoders than these
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
	type pictures struct {
		name           string
		size, channels int
	}
	var all []pictures
	if m.Codec != nil {
		all = append(all, pictures{"the " + models.CodecName(m.Codec) + " makes", m.Codec.ImageSize(), m.Codec.Channels()})
	}
	if m.KL != nil {
		all = append(all, pictures{"the kl makes", m.KL.Config().ImageSize, m.KL.Config().Channels})
	}
	if m.CLIP != nil {
		all = append(all, pictures{"the clip reads", m.CLIP.Config().ImageSize, m.CLIP.Config().Channels})
	}
	for i, p := range all {
		if first := all[0]; p.size != first.size || p.channels != first.channels {
			field := "KL"
			if i == len(all)-1 && m.CLIP != nil {
				field = "CLIP"
			}
			return fault.Field(field, nil, "%s pictures of size %d with %d channels, %s pictures of size %d with %d", p.name, p.size, p.channels, first.name, first.size, first.channels)
		}
	}
	for _, g := range m.generators() {
		if err := g.agree(m); err != nil {
			return err
		}
		if tokens := g.text().tokens; m.Tokenizer != nil && m.Tokenizer.VocabSize() != tokens {
			return fault.Field("Tokenizer", nil, "the %s reads %d ids of text, the tokenizer has %d", g.name(), tokens, m.Tokenizer.VocabSize())
		}
	}
	if m.Tokenizer != nil && m.CLIP != nil && m.CLIP.Config().TextTokens != m.Tokenizer.VocabSize() {
		return fault.Field("Tokenizer", nil, "the clip reads %d ids of text, the tokenizer has %d", m.CLIP.Config().TextTokens, m.Tokenizer.VocabSize())
	}
	return nil
}

// Size is the width and the height of the pictures, in pixels.
func (p *TextToImage) Size() int {
	switch m := p.models; {
	case m.Codec != nil:
		return m.Codec.ImageSize()
	case m.KL != nil:
		return m.KL.Config().ImageSize
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
	case m.KL != nil:
		return m.KL.Config().Channels
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

// Models lists the models that are there: the codec ("dvae", "vqgan" or "openai"), "dalle", "maskgit", "kl", "rectified" and "clip", in this order.
func (p *TextToImage) Models() (names []string) {
	m := p.models
	for _, one := range []struct {
		name  string
		there bool
	}{
		{models.CodecName(m.Codec), m.Codec != nil}, {models.DALLE.Name, m.DALLE != nil}, {models.MaskGIT.Name, m.MaskGIT != nil},
		{models.KL.Name, m.KL != nil}, {models.Rectified.Name, m.Rectified != nil}, {models.CLIP.Name, m.CLIP != nil},
	} {
		if one.there {
			names = append(names, one.name)
		}
	}
	return names
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
func (p *TextToImage) RequireDALLE() error { return p.RequireGenerator(models.DALLE.Name) }

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
