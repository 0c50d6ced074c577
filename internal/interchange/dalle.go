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

// What DALLE-pytorch leaves at these values, whatever its arguments.
const (
	torchFFMult       = 4
	torchConvKernel   = 5
	torchConvDilation = 1
)

// describeDALLE reads the arguments of DALLE. Their defaults have changed over the versions, so that what isn't there
// is told by the names of the weights.
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
	config := dalle.Config{
		TextTokens: p.int("num_text_tokens", 10000), TextLen: p.int("text_seq_len", 256),
		ImageCodes: c.VAE.Codes, Height: c.VAE.Grid(), Width: c.VAE.Grid(),
		ImageLossWeight: p.float("loss_img_weight", 7), ShareEmbeddings: p.bool("share_input_output_emb", false),
		Stable: p.bool("stable", false), Transformer: t,
	}
	p.bool("optimize_for_inference", false) // changes nothing but speed
	p.get("sparse_attn")                    // changes nothing at all: attn_types has taken its place
	if err := p.finish(); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a DALL-E that cannot be (%w); name a checkpoint that DALLE-pytorch wrote", err)
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

// checkPatterns refuses attention that was something else in the version that the file is from.
func (c *Checkpoint) checkPatterns(t transformer.Config) error {
	var major, minor int
	version, _ := c.source.values["version"].(string)
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	known := err == nil
	if slices.Contains(t.Attention, transformer.ConvLike) && !(known && (major > 1 || major == 1 && minor >= 5)) {
		return fmt.Errorf("has attn_types with conv_like and is not known to be of DALLE-pytorch 1.5 or later, before which its windows lay elsewhere; import a model of a later version")
	}
	if len(t.Attention) > 0 && !c.scaled { // right from 0.3 on, but nothing tells 0.3 from 0.2
		return fmt.Errorf("has attn_types other than full and is of DALLE-pytorch before 0.8, which got their masks wrong at first; import a model of a later version")
	}
	return nil
}

// patterns reads attn_types, which are repeated over the layers. Nil stands for full attention.
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

// shifts tells whether tokens are shifted: there is then one module more around each feed-forward branch than the scale
// and the norm.
func (s *source) shifts() bool {
	return slices.ContainsFunc(s.names(), func(name string) bool { return strings.Contains(name, ".fn.fn.fn.net.0.") })
}

// checkDALLE makes sure that the sizes that memory is allocated for are those of tensors that are really there, and
// notes what is different in old versions.
func (c *Checkpoint) checkDALLE(config dalle.Config) error {
	s, t := c.source, config.Transformer
	if s.count(".norm.g") > 0 {
		return fmt.Errorf("has ScaleNorm layers, as some DALLE-pytorch before 0.8 had, which we don't have; import a model of a later version")
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

// dalleParams are the arguments by which DALLE-pytorch builds the same DALL-E.
func dalleParams(c dalle.Config, grid int) (*torchfile.Dict, error) {
	t := c.Transformer
	refuse := func(what string) error {
		return fmt.Errorf("its DALL-E has %s, which DALLE-pytorch doesn't; export one without", what)
	}
	switch {
	case c.Height != grid || c.Width != grid:
		return nil, refuse(fmt.Sprintf("%d×%d codes a picture and not the %d×%d of its VAE", c.Height, c.Width, grid, grid))
	case t.FFMult != torchFFMult:
		return nil, refuse(fmt.Sprintf("ff-mult %d and not %d", t.FFMult, torchFFMult))
	case slices.Contains(t.Attention, transformer.ConvLike) && (t.ConvKernel != torchConvKernel || t.ConvDilation != torchConvDilation):
		return nil, refuse(fmt.Sprintf("conv-kernel %d with conv-dilation %d and not %d and %d", t.ConvKernel, t.ConvDilation, torchConvKernel, torchConvDilation))
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

// whole is a number as Python would have it if it's one that counts.
func whole(v float64) any {
	if v == math.Trunc(v) {
		return int64(v)
	}
	return v
}
