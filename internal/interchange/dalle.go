package interchange

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Values of DALLE-pytorch that no argument changes.
const (
	torchFFMult       = 4
	torchConvKernel   = 5
	torchConvDilation = 1
)

// describeDALLE reads the arguments of DALLE. Defaults differ between versions, so what is missing follows from the names
// of the weights.
func (c *Checkpoint) describeDALLE(values map[string]any) error {
	s := c.source
	_, learnedPositions := s.shape("text_pos_emb.weight")
	p := newParams("hparams", values)
	depth := p.needed("depth")
	t := transformer.Config{
		Dim: p.needed("dim"), Depth: depth, Heads: p.int("heads", 8), DimHead: p.int("dim_head", 64),
		FFMult: torchFFMult, ConvKernel: torchConvKernel, ConvDilation: torchConvDilation,
		AttnDropout: p.float("attn_dropout", 0), FFDropout: p.float("ff_dropout", 0),
		Reversible: p.bool("reversible", false), SandwichNorm: p.bool("sandwich_norm", false),
		ShiftTokens: p.bool("shift_tokens", s.shifts()), Rotary: p.bool("rotary_emb", !learnedPositions),
		SharedAttn: p.ids("shared_attn_ids", depth), SharedFF: p.ids("shared_ff_ids", depth),
	}
	t.Attention = p.patterns(depth)
	codes, grid := c.codec()
	config := dalle.Config{
		TextTokens: p.int("num_text_tokens", 10000), TextLen: p.int("text_seq_len", 256),
		ImageCodes: codes, Height: grid, Width: grid,
		ImageLossWeight: p.float("loss_img_weight", 7), ShareEmbeddings: p.bool("share_input_output_emb", false),
		Stable: p.bool("stable", false), Transformer: t,
	}
	p.bool("optimize_for_inference", false) // affects speed only
	p.get("sparse_attn")                    // has no effect: attn_types replaced it
	if err := p.finish(); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a DALL-E of sizes that are not allowed (%v); name a checkpoint that DALLE-pytorch wrote", err)
	}
	if err := c.checkDALLE(config); err != nil {
		return err
	}
	if err := c.checkPatterns(t); err != nil {
		return err
	}
	c.DALLE = &config
	return nil
}

// checkPatterns refuses attention patterns that meant something else in the version of the file.
func (c *Checkpoint) checkPatterns(t transformer.Config) error {
	var major, minor int
	version, _ := c.source.values["version"].(string)
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	known := err == nil
	if slices.Contains(t.Attention, transformer.ConvLike) && !(known && (major > 1 || major == 1 && minor >= 5)) {
		return fmt.Errorf("has attn_types with conv_like and is not known to be of DALLE-pytorch 1.5 or later, before which its windows had other positions; import a model of a later version")
	}
	if len(t.Attention) > 0 && !c.scaled { // correct from 0.3 on, but files of 0.2 and 0.3 can't be told apart
		return fmt.Errorf("has attn_types other than full and is of DALLE-pytorch before 0.8, of which the first ones have wrong masks; import a model of a later version")
	}
	return nil
}

// patterns reads attn_types, which are repeated over the layers. Nil is full attention.
func (p *params) patterns(depth int) (all []transformer.Pattern) {
	const name = "attn_types"
	for _, s := range p.strings(name) {
		switch pattern := transformer.Pattern(s); pattern {
		case transformer.Full, transformer.AxialRow, transformer.AxialCol, transformer.ConvLike:
			all = append(all, pattern)
		case transformer.Sparse:
			p.unsupported(name, p.values[name], "its blocks were drawn at random and are not in the file: import a model that was trained without")
		default:
			p.unsupported(name, p.values[name], "import a model that was trained without")
		}
	}
	if !slices.ContainsFunc(all, func(pattern transformer.Pattern) bool { return pattern != transformer.Full }) {
		return nil
	}
	return all[:min(len(all), depth)]
}

// shifts reports whether the model has token shift: then one more module wraps each feed-forward branch, beside scale and
// norm.
func (s *source) shifts() bool {
	return slices.ContainsFunc(s.names(), func(name string) bool { return strings.Contains(name, ".fn.fn.fn.net.0.") })
}

// checkDALLE returns an error unless the sizes for which memory is allocated are those of tensors in the file. It notes
// what differs in old versions.
func (c *Checkpoint) checkDALLE(config dalle.Config) error {
	s, t := c.source, config.Transformer
	if s.count(".norm.g") > 0 {
		return fmt.Errorf("has ScaleNorm layers, as some DALLE-pytorch before 0.8 had, which are not supported; import a model of a later version")
	}
	if err := s.expectLayers("transformer.", t.Depth, t.Dim, t.Heads*t.DimHead); err != nil {
		return err
	}
	c.scaled = s.count(".scale") > 0
	rows, _ := s.shape(logitsName + ".weight")
	c.padded = !slices.Equal(rows, []int{config.TextTokens + config.ImageCodes, t.Dim})
	if !c.padded {
		return nil
	}
	return s.expect(logitsName+".weight", config.TextTokens+config.TextLen+config.ImageCodes, t.Dim)
}

func (c *Checkpoint) buildDALLE(d *tensor.Device) (*dalle.DALLE, error) {
	m, err := dalle.New(d, *c.DALLE, tensor.NewGenerator(0))
	if err != nil {
		return nil, err
	}
	return m, LoadDALLE(m, c.dalleNames(), c.loadDALLE)
}

// dalleParams returns the arguments with which DALLE-pytorch builds the same DALL-E.
func dalleParams(c dalle.Config, grid int) (*torchfile.Dict, error) {
	t := c.Transformer
	refuse := func(what string) error {
		return fmt.Errorf("its DALL-E has %s, which DALLE-pytorch doesn't; export one without", what)
	}
	switch {
	case c.Height != grid || c.Width != grid:
		return nil, refuse(fmt.Sprintf("%d×%d codes a picture and not the %d×%d of its VAE", c.Height, c.Width, grid, grid))
	case t.FFMult != torchFFMult:
		return nil, refuse(fmt.Sprintf("FFMult %d and not %d", t.FFMult, torchFFMult))
	case slices.Contains(t.Attention, transformer.ConvLike) && (t.ConvKernel != torchConvKernel || t.ConvDilation != torchConvDilation):
		return nil, refuse(fmt.Sprintf("ConvKernel %d with ConvDilation %d and not %d and %d", t.ConvKernel, t.ConvDilation, torchConvKernel, torchConvDilation))
	case slices.Contains(t.Attention, transformer.Sparse):
		return nil, refuse("sparse attention whose blocks are the same in every process")
	}
	patterns := torchfile.Tuple{}
	for _, pattern := range t.Attention {
		patterns = append(patterns, string(pattern))
	}
	if len(patterns) == 0 {
		patterns = torchfile.Tuple{string(transformer.Full)}
	}
	d := torchfile.NewDict(
		"num_text_tokens", c.TextTokens, "text_seq_len", c.TextLen, "dim", t.Dim, "depth", t.Depth, "heads", t.Heads,
		"dim_head", t.DimHead, "reversible", t.Reversible, "loss_img_weight", whole(c.ImageLossWeight), "attn_types", patterns,
		"ff_dropout", t.FFDropout, "attn_dropout", t.AttnDropout, "stable", c.Stable, "shift_tokens", t.ShiftTokens,
		"rotary_emb", t.Rotary)
	if t.SandwichNorm { // later arguments only where they are needed, so that older versions load the rest
		d.Set("sandwich_norm", true)
	}
	if c.ShareEmbeddings {
		d.Set("share_input_output_emb", true)
	}
	for _, shared := range []struct {
		name string
		ids  []int
	}{{"shared_attn_ids", t.SharedAttn}, {"shared_ff_ids", t.SharedFF}} {
		if len(shared.ids) > 0 {
			ids := torchfile.Tuple{}
			for _, id := range shared.ids {
				ids = append(ids, id)
			}
			d.Set(shared.name, ids)
		}
	}
	return d, nil
}

// whole returns a number as Python writes it: an int if it has no fraction.
func whole(v float64) any {
	if v == math.Trunc(v) {
		return int64(v)
	}
	return v
}
