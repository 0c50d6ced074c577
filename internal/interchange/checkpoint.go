// Package interchange turns the checkpoints of DALLE-pytorch into models, and models into such checkpoints.
//
// Its training scripts write two kinds with torch.save:
//
//	train_vae.py    hparams, weights                                      a discrete VAE
//	train_dalle.py  hparams, vae_params, weights, version, epoch, …       a DALL-E, and its VAE below "vae."
//
// There is none for its CLIP, which is expected as a VAE is: hparams and weights. hparams and vae_params are the arguments of the classes' constructors, weights is a state_dict. The same is read from
// and written to safetensors files, where hparams and the like are JSON in the metadata. Versions 0.x to 1.6.6 are read,
// as far as they compute what 1.6.6 computes; an argument that means something that we don't have is an error that
// names it.
package interchange

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Checkpoint is what a file describes. Models that aren't there are nil.
type Checkpoint struct {
	Path   string
	Origin string // what wrote it, as far as the file tells: "DALLE-pytorch 1.6.6, epoch 3"
	VAE    *dvae.Config
	DALLE  *dalle.Config
	CLIP   *clip.Config

	source *source
	scaled bool // DALL-E's branches have scales; not in versions before LayerScale
	padded bool // DALL-E's padding has an id of its own at each position; not in versions before 0.9
}

// Read reads what a file describes, and checks its weights' names and shapes against it as far as it takes to know that
// models of that size are really there. Close it after use.
func Read(path string) (*Checkpoint, error) {
	s, err := open(path)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Path: path, Origin: s.origin(), source: s}
	if err := c.describe(); err != nil {
		s.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Close ends the reading of weights.
func (c *Checkpoint) Close() error { return c.source.close() }

func (c *Checkpoint) describe() error {
	hparams, ok := c.source.values["hparams"].(map[string]any)
	if !ok {
		return fmt.Errorf("has no hparams, so that the model's sizes are unknown; name a checkpoint that DALLE-pytorch's train_vae.py or train_dalle.py wrote")
	}
	if _, ok := c.source.shape("to_text_latent.weight"); ok {
		return c.describeCLIP(hparams)
	}
	vaeParams, isDALLE := c.source.values["vae_params"]
	if !isDALLE {
		if _, ok := hparams["depth"]; ok {
			return fmt.Errorf("has no vae_params beside the hparams of a DALL-E; name a checkpoint that DALLE-pytorch's train_dalle.py wrote")
		}
		return c.describeVAE("hparams", hparams, "")
	}
	if class, ok := c.source.values["vae_class_name"].(string); ok && class != vaeClass {
		return fmt.Errorf("has the vae_class_name %s, a VAE that we don't have; import a DALL-E that was trained with a %s", class, vaeClass)
	}
	params, ok := vaeParams.(map[string]any)
	if !ok {
		return fmt.Errorf("has no vae_params: its VAE is OpenAI's or a VQGAN, which we don't have; import a DALL-E that was trained with a %s", vaeClass)
	}
	if err := c.describeVAE("vae_params", params, vaePrefix); err != nil {
		return err
	}
	return c.describeDALLE(hparams)
}

const (
	vaeClass  = "DiscreteVAE"
	vaePrefix = "vae."
)

// Models are what a file is written of: a VAE, with or without the DALL-E that draws its codes, or a CLIP.
type Models struct {
	VAE   *dvae.VAE
	DALLE *dalle.DALLE
	CLIP  *clip.CLIP
}

// Build builds the models that are there.
func (c *Checkpoint) Build(d *tensor.Device) (m Models, err error) {
	if c.VAE != nil {
		prefix := ""
		if c.DALLE != nil {
			prefix = vaePrefix
		}
		if m.VAE, err = c.source.vae(d, *c.VAE, prefix); err != nil {
			return m, err
		}
	}
	if c.DALLE != nil {
		if m.DALLE, err = c.buildDALLE(d); err != nil {
			return m, fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	if c.CLIP != nil {
		m.CLIP, err = c.source.clip(d, *c.CLIP)
	}
	return m, err
}

// expect makes sure that a tensor is there with a shape.
func (s *source) expect(name string, want ...int) error {
	got, ok := s.shape(name)
	if !ok {
		return fmt.Errorf("has no %q among its weights; name a checkpoint that is whole", name)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("has %q with shape %v where its hparams make it %v; name a checkpoint that is whole", name, got, want)
	}
	return nil
}

// expectLayers makes sure that a transformer is there of that many layers of that width.
func (s *source) expectLayers(prefix string, depth, dim, inner int) error {
	layers := 0
	for _, name := range s.names() {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		var err error
		switch {
		case strings.HasSuffix(name, ".to_qkv.weight"):
			layers++
			err = s.expect(name, 3*inner, dim)
		case strings.HasSuffix(name, ".net.0.weight"):
			err = s.expect(name, 2*torchFFMult*dim, dim)
		}
		if err != nil {
			return err
		}
	}
	if layers != depth {
		return fmt.Errorf("has %d layers of attention below %q where its hparams make it %d; name a checkpoint that is whole", layers, prefix, depth)
	}
	return nil
}

// count is the number of tensors whose names end so.
func (s *source) count(suffix string) (n int) {
	for _, name := range s.names() {
		if strings.HasSuffix(name, suffix) {
			n++
		}
	}
	return n
}
