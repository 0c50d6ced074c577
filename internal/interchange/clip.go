package interchange

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/tensor"
)

// torchDimHead is the width of a head of DALLE-pytorch's CLIP. No argument changes it.
const torchDimHead = 64

// describeCLIP reads the arguments of CLIP.
func (c *Checkpoint) describeCLIP(values map[string]any) error {
	p := newParams("hparams", values)
	config := clip.Config{
		TextTokens: p.int("num_text_tokens", 10000), TextLen: p.int("text_seq_len", 256),
		ImageSize: p.int("visual_image_size", 256), PatchSize: p.int("visual_patch_size", 32), Channels: p.int("channels", 3),
		Latent: p.int("dim_latent", 512),
		Text:   clip.Tower{Dim: p.int("dim_text", 512), Depth: p.int("text_enc_depth", 6), Heads: p.int("text_heads", 8), DimHead: torchDimHead},
		Image:  clip.Tower{Dim: p.int("dim_image", 512), Depth: p.int("visual_enc_depth", 6), Heads: p.int("visual_heads", 8), DimHead: torchDimHead},
	}
	p.int("num_visual_tokens", 512) // has no effect there
	if err := p.finish(); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a CLIP of sizes that are not allowed (%v); name a checkpoint that DALLE-pytorch wrote", err)
	}
	// The sizes for which memory is allocated must be those of tensors in the file.
	s := c.source
	for _, e := range []struct {
		name  string
		shape []int
	}{
		{"text_emb.weight", []int{config.TextTokens, config.Text.Dim}},
		{"text_pos_emb.weight", []int{config.TextLen, config.Text.Dim}},
		{"to_text_latent.weight", []int{config.Latent, config.Text.Dim}},
		{"to_visual_embedding.weight", []int{config.Image.Dim, config.PatchSize * config.PatchSize * config.Channels}},
	} {
		if err := s.expect(e.name, e.shape...); err != nil {
			return err
		}
	}
	for prefix, t := range map[string]clip.Tower{"text_transformer.": config.Text, "visual_transformer.": config.Image} {
		if err := s.expectLayers(prefix, t.Depth, t.Dim, t.Heads*t.DimHead); err != nil {
			return err
		}
	}
	c.CLIP = &config
	return nil
}

func (s *source) clip(d *tensor.Device, config clip.Config) (*clip.CLIP, error) {
	m, err := clip.New(d, config, tensor.NewGenerator(0))
	if err != nil {
		return nil, damaged(s.path, err)
	}
	f, err := s.file("")
	if err != nil {
		return nil, err
	}
	return m, LoadCLIP(m, f, "")
}

// clipParams returns the arguments with which DALLE-pytorch builds the same CLIP.
func clipParams(c clip.Config) (*torchfile.Dict, error) {
	if c.Text.DimHead != torchDimHead || c.Image.DimHead != torchDimHead {
		return nil, fmt.Errorf("its CLIP has DimHead %d and %d, and DALLE-pytorch's is always %d; export one with that", c.Text.DimHead, c.Image.DimHead, torchDimHead)
	}
	return torchfile.NewDict(
		"dim_text", c.Text.Dim, "dim_image", c.Image.Dim, "dim_latent", c.Latent,
		"num_text_tokens", c.TextTokens, "text_enc_depth", c.Text.Depth, "text_seq_len", c.TextLen, "text_heads", c.Text.Heads,
		"visual_enc_depth", c.Image.Depth, "visual_heads", c.Image.Heads, "visual_image_size", c.ImageSize,
		"visual_patch_size", c.PatchSize, "channels", c.Channels), nil
}
