package sample

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// generator is a model that draws pictures for captions.
type generator interface {
	// name is that of its kind of model.
	name() string
	// text says which captions it reads.
	text() textFormat
	// agree returns a FieldError unless the generator fits the autoencoder whose codes or latents it generates.
	agree(m *TextToImageModels) error
	// require returns an error unless that autoencoder is there.
	require(p *TextToImage) error
	// sampling are its default options.
	sampling() sampling.Options
	// plan checks the options, with a FieldError for one that the generator can't use. It computes nothing.
	plan(p *TextToImage, o GenerateOptions) (plan, error)
	// scratch is about how many bytes the generator uses to draw a picture.
	scratch() int
}

// textFormat says which captions a generator reads.
type textFormat struct {
	tokens, length int     // ids of the tokenizer, and most ids of a caption
	nullProb       float64 // share of captions that its training dropped
}

// plan draws the pictures of one call of Generate.
type plan interface {
	// units is the number of units of progress of a picture, see Rows.
	units() int
	// key is equal for plans whose pictures can be drawn together.
	key() any
	// prepare encodes the picture to begin with.
	prepare(ctx context.Context) error
	// draw generates pictures together and sets their Image, Codes and Evaluations. report may be nil.
	draw(ctx context.Context, pictures []Generated, requests []request, report func(state)) error
}

// request is a picture to draw.
type request struct {
	text   []int32           // ids of the prompt, [TextLen]
	random *tensor.Generator // for this picture alone
	own    plan              // of the call that asks for the picture
}

// generators returns the generators that are there.
func (m *TextToImageModels) generators() (all []generator) {
	if m.DALLE != nil {
		all = append(all, dalleGenerator{m.DALLE})
	}
	if m.MaskGIT != nil {
		all = append(all, maskedGenerator{m.MaskGIT})
	}
	if m.Rectified != nil {
		all = append(all, rectifiedGenerator{m.Rectified})
	}
	return all
}

// Generators lists the generators that are there: "dalle", "maskgit" and "rectified", in this order.
func (p *TextToImage) Generators() (names []string) {
	for _, g := range p.models.generators() {
		names = append(names, g.name())
	}
	return names
}

// generator returns the generator of that name, or the only one if it is "".
func (p *TextToImage) generator(name string) (generator, error) {
	all := p.models.generators()
	switch {
	case name == "" && len(all) > 1:
		return nil, fault.Field("Model", nil, "must be one of %s, as there are several generators", strings.Join(p.Generators(), ", "))
	case name == "" && len(all) == 1:
		return all[0], nil
	case name == "":
		return nil, p.missing(dalleName)
	}
	if i := slices.IndexFunc(all, func(g generator) bool { return g.name() == name }); i >= 0 {
		return all[i], nil
	}
	if slices.Contains([]string{dalleName, maskedName, rectifiedName}, name) {
		return nil, p.missing(name)
	}
	return nil, fault.Field("Model", name, "must be %s, %s or %s", dalleName, maskedName, rectifiedName)
}

// RequireGenerator returns an error unless there is the generator of that name ("": the only one), with its tokenizer and
// its autoencoder: a [*fault.Missing], a [*fault.FieldError] of Model if there are several, or an error that says that the
// autoencoder has changed.
func (p *TextToImage) RequireGenerator(name string) error {
	if p == nil {
		return errNoPipeline
	}
	g, err := p.generator(name)
	switch {
	case err != nil:
		return err
	case p.models.Tokenizer == nil:
		return p.missing("tokenizer")
	case slices.Contains(p.recoded, g.name()):
		return fmt.Errorf("the %s has changed since the %s was trained on what it makes of pictures; restore %[1]s.safetensors, or train the %[2]s again", p.autoencoder(g.name()), g.name())
	}
	return g.require(p)
}

// autoencoder returns the name of the autoencoder whose codes or latents a generator generates.
func (p *TextToImage) autoencoder(generator string) string {
	if generator == rectifiedName {
		return models.KL.Name
	}
	return models.CodecName(p.models.Codec)
}

// DefaultSampling returns the options with which the generator of that name ("": the only one) samples unless others are
// given. The error is that of RequireGenerator.
func (p *TextToImage) DefaultSampling(name string) (sampling.Options, error) {
	g, err := p.generator(name)
	if err != nil {
		return sampling.Options{}, err
	}
	return g.sampling(), nil
}

// Guidable reports whether the generator of that name ("": the only one) was also trained without captions. Otherwise
// classifier-free guidance hardly helps.
func (p *TextToImage) Guidable(name string) bool {
	g, err := p.generator(name)
	return err == nil && g.text().nullProb > 0
}

// refuse returns a FieldError for the first option that is set though a generator can't use it.
func refuse(model string, options ...refused) error {
	for _, o := range options {
		if o.set {
			return fault.Field(o.field, o.value, "can't be used by a %s, %s; leave it out", model, o.why)
		}
	}
	return nil
}

// refused is an option that a generator can't use.
type refused struct {
	field string
	value any
	set   bool
	why   string
}
