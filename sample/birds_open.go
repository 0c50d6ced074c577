package sample

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// OpenBirds loads the models of a run folder: the discrete VAE, and the DALL-E, the CLIP and the tokenizer where they are. What needs a
// model that is missing says so. A run may have a CLIP and nothing else.
func OpenBirds(dir string, d *tensor.Device) (*Birds, error) {
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	b := &Birds{device: d}
	if r.HasData() { // imported models have none
		if err := r.Data(&b.data); err != nil {
			return nil, err
		}
	}
	hasDALLE, hasCLIP := r.HasWeights("dalle"), r.HasWeights("clip")
	if r.HasWeights("dvae") || hasDALLE || !hasCLIP {
		if b.vae, err = load(r, "dvae", d, dvae.New); err != nil {
			return nil, err
		}
	}
	if hasDALLE {
		if b.dalle, err = load(r, "dalle", d, dalle.New); err != nil {
			return nil, err
		}
		sum := codedBy(r)
		b.recoded = sum != "" && sum != nn.Checksum(b.vae)
	}
	if hasCLIP {
		if b.clip, err = load(r, "clip", d, clip.New); err != nil {
			return nil, err
		}
	}
	if (hasDALLE || hasCLIP) && r.HasTokenizer() { // imported models may have none yet
		if b.tokenizer, err = r.LoadTokenizer(); err != nil {
			return nil, err
		}
	}
	if err := b.agree(); err != nil {
		return nil, fmt.Errorf("%s: %w; restore the file from a copy", r.Path("config.json"), err)
	}
	return b, nil
}

// codedBy returns the checksum of the discrete VAE whose codes the run's DALL-E was trained on; "" where the run doesn't say.
func codedBy(r *run.Run) string {
	var options map[string]any
	if r.Options("dalle", &options) != nil {
		return ""
	}
	sum, _ := options["dvae"].(string)
	return sum
}

// load loads one model of a run, ready to use.
func load[C any, M nn.Module](r *run.Run, name string, d *tensor.Device, build func(*tensor.Device, C, *tensor.Generator) (M, error)) (m M, err error) {
	var c C
	if err := r.Config(name, &c); err != nil {
		return m, err
	}
	if m, err = build(d, c, tensor.NewGenerator(0)); err != nil {
		return m, fmt.Errorf("%s: %s: %w", r.Path("config.json"), name, err)
	}
	if _, err := r.LoadWeights(name, m); err != nil {
		return m, err
	}
	m.SetTraining(false)
	nn.Freeze(m)
	return m, nil
}

// agree tells in what the models don't fit each other.
func (b *Birds) agree() error {
	if b.dalle != nil {
		c, v := b.dalle.Config(), b.vae.Config()
		if c.ImageCodes != v.Codes || c.Height != v.Grid() || c.Width != v.Grid() {
			return fmt.Errorf("the dalle draws %d×%d of %d codes, the dvae has %d×%d of %d", c.Height, c.Width, c.ImageCodes, v.Grid(), v.Grid(), v.Codes)
		}
		if err := b.reads("dalle", c.TextTokens); err != nil {
			return err
		}
	}
	if b.clip != nil {
		c := b.clip.Config()
		if err := b.reads("clip", c.TextTokens); err != nil {
			return err
		}
		if b.vae == nil {
			return nil
		}
		if v := b.vae.Config(); c.ImageSize != v.ImageSize || c.Channels != v.Channels {
			return fmt.Errorf("the clip sees pictures of size %d with %d channels, the dvae makes such of size %d with %d", c.ImageSize, c.Channels, v.ImageSize, v.Channels)
		}
	}
	return nil
}

// reads tells whether a model of so many ids of text fits the tokenizer, if there is one.
func (b *Birds) reads(model string, ids int) error {
	if b.tokenizer == nil || b.tokenizer.VocabSize() == ids {
		return nil
	}
	return fmt.Errorf("the %s reads %d ids of text, the tokenizer has %d", model, ids, b.tokenizer.VocabSize())
}
