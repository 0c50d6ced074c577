package interchange

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// Names of VQGANs of taming-transformers: its checkpoints are PyTorch Lightning's, with the model's and the loss's weights
// in a state_dict. DALLE-pytorch's VQGanVAE has the model below "model.".
const (
	vqganClass  = "VQGanVAE"
	vqganPrefix = vaePrefix + "model."
	vqganRoot   = "encoder.conv_in.weight"
	vqTable     = "quantize.embedding.weight"
	gumbelTable = "quantize.embed.weight"
	gumbelProj  = "quantize.proj.weight"
	// vqganSize is the side of the pictures in DALLE-pytorch, and of most models of taming-transformers.
	vqganSize = 256
	// tamingGroups is the number of groups of every group norm.
	tamingGroups = 32
)

// Defaults of taming-transformers' classes.
const (
	tamingCommitment  = 0.25
	tamingKLWeight    = 1e-8
	vqganSettings     = "vqgan" // the section of a configuration file
	tamingModelClass  = "taming.models.vqgan.VQModel"
	tamingGumbelClass = "taming.models.vqgan.GumbelVQ"
)

// vqganParts begin the names of the model's weights. Others belong to the loss.
var vqganParts = []string{"encoder.", "decoder.", "quantize.", "quant_conv.", "post_quant_conv."}

// describeVQGAN reads the sizes of a VQGAN from the shapes of its weights below a prefix, and what they leave open from the
// configuration file, if there is one.
func (c *Checkpoint) describeVQGAN(prefix string) error {
	s := c.source
	size := func(name string, dimension int) int {
		shape, _ := s.shape(prefix + name)
		if dimension >= len(shape) {
			return 0
		}
		return shape[dimension]
	}
	config := vqgan.Config{
		ImageSize: vqganSize, Patch: 1, Groups: tamingGroups,
		Channels: size(vqganRoot, 1), Width: size(vqganRoot, 0),
		ZChannels: size("decoder.conv_in.weight", 1), Embed: size("post_quant_conv.weight", 1),
	}
	if side := c.vqganResolution(prefix); side > 0 {
		config.ImageSize = side
	}
	for ; size(fmt.Sprintf("encoder.down.0.block.%d.conv1.weight", config.Blocks), 0) > 0; config.Blocks++ {
	}
	for i := 0; ; i++ {
		out := size(fmt.Sprintf("encoder.down.%d.block.0.conv1.weight", i), 0)
		if out == 0 || config.Width == 0 {
			break
		}
		if out%config.Width != 0 {
			return fmt.Errorf("has %d channels at level %d of its VQGAN, no multiple of the %d at the first; name a checkpoint of taming-transformers", out, i, config.Width)
		}
		config.Multipliers = append(config.Multipliers, out/config.Width)
		if size(fmt.Sprintf("encoder.down.%d.attn.0.q.weight", i), 0) > 0 && i < 32 {
			config.AttentionAt = append(config.AttentionAt, config.ImageSize>>i)
		}
	}
	switch {
	case size(vqTable, 0) > 0:
		config.Bottleneck, config.Codes, config.Commitment, config.Legacy = vqgan.VQ, size(vqTable, 0), tamingCommitment, true
	case size(gumbelProj, 0) > 0:
		config.Bottleneck, config.Codes, config.KLWeight = vqgan.Gumbel, size(gumbelTable, 0), tamingKLWeight
	default:
		return fmt.Errorf("has a VQGAN without the codebook %q or %q; name a checkpoint of taming-transformers' VQModel or GumbelVQ", prefix+vqTable, prefix+gumbelTable)
	}
	if _, ok := s.shape(prefix + "quantize.used"); ok {
		return fmt.Errorf("has a VQGAN whose codes are mapped to fewer (remap), which is not supported; import one without")
	}
	if err := c.applySettings(&config, prefix); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a VQGAN of sizes that are not allowed (%v); name a checkpoint of taming-transformers", err)
	}
	// The sizes for which memory is allocated must be those of tensors in the file.
	for i, m := range config.Multipliers {
		for j := range config.Blocks {
			if err := s.expect(fmt.Sprintf("%sencoder.down.%d.block.%d.conv2.weight", prefix, i, j), m*config.Width, m*config.Width, 3, 3); err != nil {
				return err
			}
		}
	}
	top := config.Multipliers[len(config.Multipliers)-1] * config.Width
	table, proj := vqTable, []int{config.Codes, config.Embed}
	if config.Bottleneck == vqgan.Gumbel {
		table = gumbelTable
	}
	for _, weight := range []struct {
		name  string
		shape []int
	}{
		{"decoder.conv_in.weight", []int{top, config.ZChannels, 3, 3}},
		{"decoder.mid.block_1.conv1.weight", []int{top, top, 3, 3}},
		{"quant_conv.weight", []int{config.Embed, config.ZChannels, 1, 1}},
		{table, proj},
	} {
		if err := s.expect(prefix+weight.name, weight.shape...); err != nil {
			return err
		}
	}
	if prefix == "" {
		c.Origin = strings.Replace(c.Origin, torchOrigin, "taming-transformers", 1)
	}
	c.VQGAN, c.prefix = &config, prefix
	return nil
}

// vqganResolution returns the side of the pictures that the configuration file names; 0 without. In a DALL-E it is
// DALLE-pytorch's.
func (c *Checkpoint) vqganResolution(prefix string) int {
	if prefix != "" {
		return 0
	}
	p := c.vqganParams("ddconfig")
	if p == nil {
		return 0
	}
	return p.int("resolution", 0)
}

// vqganParams returns a section of the constructor's arguments in the configuration file; nil without a file.
func (c *Checkpoint) vqganParams(section string) *params {
	settings, ok := c.source.values[vqganSettings].(map[string]any)
	if !ok {
		return nil
	}
	values, _ := settings["params"].(map[string]any)
	if section != "" {
		values, _ = values[section].(map[string]any)
	}
	return newParams(cmp.Or(section, "params"), values)
}

// applySettings takes from the configuration file what the weights leave open, and checks the rest against them.
func (c *Checkpoint) applySettings(config *vqgan.Config, prefix string) error {
	outer, inner := c.vqganParams(""), c.vqganParams("ddconfig")
	if outer == nil {
		return nil
	}
	if remap, ok := outer.get("remap"); ok {
		outer.unsupported("remap", remap, "import a model without")
	}
	config.KLWeight = 0
	if config.Bottleneck == vqgan.Gumbel {
		config.KLWeight = outer.float("kl_weight", tamingKLWeight)
	}
	var multipliers []int
	if list, ok := inner.get("ch_mult"); ok {
		items, _ := list.([]any)
		for _, item := range items {
			n, _ := item.(int64)
			multipliers = append(multipliers, int(n))
		}
	}
	for _, check := range []struct {
		name        string
		given, have int
	}{
		{"n_embed", outer.int("n_embed", config.Codes), config.Codes},
		{"embed_dim", outer.int("embed_dim", config.Embed), config.Embed},
		{"ch", inner.int("ch", config.Width), config.Width},
		{"num_res_blocks", inner.int("num_res_blocks", config.Blocks), config.Blocks},
		{"z_channels", inner.int("z_channels", config.ZChannels), config.ZChannels},
		{"in_channels", inner.int("in_channels", config.Channels), config.Channels},
		{"out_ch", inner.int("out_ch", config.Channels), config.Channels},
	} {
		if check.given != check.have {
			return fmt.Errorf("has weights with %s %d where its configuration file has %d; give the file that belongs to it", check.name, check.have, check.given)
		}
	}
	if multipliers != nil && !slices.Equal(multipliers, config.Multipliers) {
		return fmt.Errorf("has weights with ch_mult %v where its configuration file has %v; give the file that belongs to it", config.Multipliers, multipliers)
	}
	if !inner.bool("resamp_with_conv", true) {
		inner.unsupported("resamp_with_conv", false, "import a model with convolutions between levels")
	}
	if outer.err != nil {
		return outer.err
	}
	return inner.err
}

// vqganWeights loads the weights of the model below a prefix, without those of the loss.
func (s *source) vqganWeights(prefix string) (*safetensors.File, error) {
	var all []safetensors.Tensor
	for _, name := range s.names() {
		own, ok := strings.CutPrefix(name, prefix)
		if !ok || !slices.ContainsFunc(vqganParts, func(part string) bool { return strings.HasPrefix(own, part) }) {
			continue
		}
		t, err := s.load(name)
		if err != nil {
			return nil, damaged(s.path, err)
		}
		t.Name = own
		all = append(all, t)
	}
	return safetensors.NewFile(s.path, all, nil), nil
}

// vqgan builds a VQGAN from the weights below a prefix.
func (s *source) vqgan(d *tensor.Device, config vqgan.Config, prefix string) (*vqgan.Model, error) {
	m, err := vqgan.NewVQ(d, config, tensor.NewGenerator(0))
	if err != nil {
		return nil, damaged(s.path, err)
	}
	f, err := s.vqganWeights(prefix)
	if err != nil {
		return nil, err
	}
	return m, weights.Load(m, f, "")
}

// Resize sets the side of the pictures of OpenAI's VAE or a VQGAN, whose weights serve any size.
func (c *Checkpoint) Resize(size int) error {
	switch {
	case c.DALLE != nil:
		return fmt.Errorf("%s: has a DALL-E, which draws pictures of one size; leave out the size", c.Path)
	case c.OpenAI != nil:
		c.OpenAI.ImageSize = size
		return c.OpenAI.Validate()
	case c.VQGAN != nil:
		for i, at := range c.VQGAN.AttentionAt { // at the same levels
			c.VQGAN.AttentionAt[i] = size / (c.VQGAN.ImageSize / at)
		}
		c.VQGAN.ImageSize = size
		return c.VQGAN.Validate()
	}
	return fmt.Errorf("%s: has no model of pictures of any size; leave out the size", c.Path)
}
