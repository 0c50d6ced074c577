package interchange

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
)

// torchTemperature is the default of DiscreteVAE's constructor.
const torchTemperature = 0.9

// describeVAE reads the arguments of DiscreteVAE.
func (c *Checkpoint) describeVAE(section string, values map[string]any, prefix string) error {
	p := newParams(section, values)
	config := dvae.Config{
		ImageSize: p.int("image_size", 256), Codes: p.int("num_tokens", 512), CodebookDim: p.int("codebook_dim", 512),
		Layers: p.int("num_layers", 3), ResnetBlocks: p.int("num_resnet_blocks", 0), Hidden: p.int("hidden_dim", 64),
		Channels: p.int("channels", 3), SmoothL1: p.bool("smooth_l1_loss", false),
		Temperature:     p.float("temperature", torchTemperature),
		StraightThrough: p.bool("straight_through", false), ReinMax: p.bool("reinmax", false),
		KLWeight: p.float("kl_div_loss_weight", 0),
	}
	config.KLSum = config.KLWeight != 0 // as DiscreteVAE has it
	config.ReinMax = config.ReinMax && config.StraightThrough
	config.Normalisation = p.normalisation(config.Channels)
	if err := p.finish(); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a VAE of sizes that are not allowed (%v); name a checkpoint that DALLE-pytorch wrote", err)
	}
	// The sizes for which memory is allocated must be those of tensors in the file.
	last := config.Layers + config.ResnetBlocks
	for _, weight := range []struct {
		name  string
		shape []int
	}{
		{"codebook.weight", []int{config.Codes, config.CodebookDim}},
		{"encoder.0.0.weight", []int{config.Hidden, config.Channels, 4, 4}},
		{fmt.Sprintf("encoder.%d.weight", last), []int{config.Codes, config.Hidden, 1, 1}},
	} {
		if err := c.source.expect(prefix+weight.name, weight.shape...); err != nil {
			return err
		}
	}
	c.VAE = &config
	return nil
}

// normalisation reads a pair of means and standard deviations, which may be longer than the number of channels; None is no
// normalisation, values in [0, 1].
func (p *params) normalisation(channels int) (n dvae.Normalisation) {
	const name = "normalization"
	p.asked[name] = true
	v, ok := p.values[name]
	if !ok {
		return n
	}
	if v == nil {
		for range min(channels, 4) { // Validate refuses more
			n.Mean, n.Std = append(n.Mean, 0), append(n.Std, 1)
		}
		return n
	}
	pair, _ := v.([]any)
	for i, into := range []*[]float64{&n.Mean, &n.Std} {
		var all []any
		if len(pair) == 2 {
			all, _ = pair[i].([]any)
		}
		for c := range channels {
			if c >= len(all) { // also bounds the loop, since channels is not validated yet
				p.fail(name, v, "a pair of means and deviations")
				return n
			}
			f, ok := number(all[c])
			if !ok {
				p.fail(name, v, "a pair of means and deviations")
			}
			*into = append(*into, f)
		}
	}
	if half := []float64{0.5, 0.5, 0.5}; slices.Equal(n.Mean, half) && slices.Equal(n.Std, half) {
		return dvae.Normalisation{} // the default
	}
	return n
}

// vae builds a discrete VAE from the weights below a prefix.
func (s *source) vae(d *tensor.Device, config dvae.Config, prefix string) (*dvae.VAE, error) {
	m, err := dvae.New(d, config, tensor.NewGenerator(0))
	if err != nil {
		return nil, damaged(s.path, err)
	}
	f, err := s.file(prefix)
	if err != nil {
		return nil, err
	}
	if err := weights.Load(m, f, ""); err != nil {
		return nil, err
	}
	return m, nil
}

// vaeParams returns the arguments with which DALLE-pytorch builds the same VAE: those that train_vae.py writes, and others
// that differ from their defaults.
func vaeParams(c dvae.Config) (*torchfile.Dict, error) {
	if c.ImageSize&(c.ImageSize-1) != 0 {
		return nil, fmt.Errorf("its VAE has pictures of %d×%d pixels, and DALLE-pytorch accepts powers of two only; export one with such a size", c.ImageSize, c.ImageSize)
	}
	d := torchfile.NewDict("image_size", c.ImageSize, "num_layers", c.Layers, "num_tokens", c.Codes,
		"codebook_dim", c.CodebookDim, "hidden_dim", c.Hidden, "num_resnet_blocks", c.ResnetBlocks)
	for _, flag := range []struct {
		name  string
		value bool
	}{{"smooth_l1_loss", c.SmoothL1}, {"straight_through", c.StraightThrough}, {"reinmax", c.ReinMax}} {
		if flag.value {
			d.Set(flag.name, true)
		}
	}
	if c.Channels != 3 {
		d.Set("channels", c.Channels)
	}
	if c.Temperature != torchTemperature {
		d.Set("temperature", c.Temperature)
	}
	if c.KLWeight != 0 && c.KLSum { // a mean has no equivalent
		d.Set("kl_div_loss_weight", c.KLWeight)
	}
	if len(c.Normalisation.Mean) > 0 {
		pair := torchfile.Tuple{}
		for _, values := range [][]float64{c.Normalisation.Mean, c.Normalisation.Std} {
			tuple := torchfile.Tuple{}
			for _, v := range values {
				tuple = append(tuple, v)
			}
			pair = append(pair, tuple)
		}
		d.Set("normalization", pair)
	}
	return d, nil
}
