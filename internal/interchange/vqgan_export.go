package interchange

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// checkVQGAN returns an error for a model that taming-transformers doesn't have. With a DALL-E, it must also be one that
// DALLE-pytorch's VQGanVAE takes.
func checkVQGAN(c vqgan.Config, withDALLE bool) error {
	refuse := func(what string) error {
		return fmt.Errorf("its VQGAN has %s, which taming-transformers doesn't; export one without", what)
	}
	switch {
	case c.Bottleneck != vqgan.VQ && c.Bottleneck != vqgan.Gumbel:
		return refuse(fmt.Sprintf("the Bottleneck %s", c.Bottleneck))
	case c.Patch != 1:
		return refuse(fmt.Sprintf("a Patch of %d and not 1", c.Patch))
	case c.Blur:
		return refuse("Blur")
	case c.Cosine:
		return refuse("Cosine")
	case c.Groups != tamingGroups:
		return refuse(fmt.Sprintf("%d Groups and not %d", c.Groups, tamingGroups))
	case c.Bottleneck == vqgan.Gumbel && c.ZChannels != c.Embed:
		return refuse(fmt.Sprintf("%d ZChannels and an Embed of %d, which must be equal with the Bottleneck %s", c.ZChannels, c.Embed, c.Bottleneck))
	case !withDALLE:
		return nil
	case c.ImageSize != vqganSize || c.Channels != 3:
		return fmt.Errorf("its VQGAN has pictures of %d×%d pixels with %d channels, and DALLE-pytorch's of %d×%d with 3 only; export one of that size", c.ImageSize, c.ImageSize, c.Channels, vqganSize, vqganSize)
	case !slices.Contains(c.AttentionAt, c.Grid()):
		return fmt.Errorf("its VQGAN has no attention at the size %d of its codes (AttentionAt), by which DALLE-pytorch counts its levels; export one with it", c.Grid())
	}
	return nil
}

// saveVQGAN returns the weights of a VQGAN that taming-transformers has.
func saveVQGAN(m *vqgan.Model) (all []safetensors.Tensor) {
	for _, t := range weights.Of(m) {
		if t.Name != "quantize.count" && t.Name != "quantize.sum" { // moving averages
			all = append(all, t)
		}
	}
	return all
}

// VQGANPaths returns the paths of the files that are written beside the checkpoint of a DALL-E on codes of a VQGAN: for
// x.pt, x.vqgan.ckpt and x.vqgan.yaml, which DALLE-pytorch's VQGanVAE reads. For a VQGAN alone, the checkpoint is the path.
func VQGANPaths(path string, withDALLE bool) (checkpoint, config string) {
	base := strings.TrimSuffix(path, filepath.Ext(path))
	if !withDALLE {
		return path, base + ".yaml"
	}
	return base + ".vqgan.ckpt", base + ".vqgan.yaml"
}

// WriteVQGAN writes what DALLE-pytorch's VQGanVAE and taming-transformers read beside a checkpoint of m: the configuration
// file and, for a DALL-E, the VQGAN's own checkpoint.
func WriteVQGAN(path string, m Models) error {
	checkpoint, config := VQGANPaths(path, m.DALLE != nil)
	if m.DALLE != nil {
		if err := WriteTorch(checkpoint, Models{VQGAN: m.VQGAN}); err != nil {
			return err
		}
	}
	text := vqganConfig(m.VQGAN.Config())
	return atomicfile.Write(config, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// vqganConfig returns the configuration file of a model. Its loss is the empty one: the discriminator and the features of the
// loss are no part of the model.
func vqganConfig(c vqgan.Config) string {
	list := func(values []int) string {
		var all []string
		for _, v := range values {
			all = append(all, fmt.Sprint(v))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	attention := slices.Clone(c.AttentionAt)
	slices.Sort(attention) // VQGanVAE takes the first for the size of the codes
	target, more := tamingModelClass, ""
	if c.Bottleneck == vqgan.Gumbel {
		target = tamingGumbelClass
		more = fmt.Sprintf(`    kl_weight: %g
    temperature_scheduler_config:
      target: taming.lr_scheduler.LambdaWarmUpCosineScheduler
      params: {warm_up_steps: 0, lr_min: 1.0, lr_max: 1.0, lr_start: 1.0, max_decay_steps: 1}
`, c.KLWeight)
	}
	return fmt.Sprintf(`model:
  base_learning_rate: 4.5e-6
  target: %s
  params:
    embed_dim: %d
    n_embed: %d
%s    ddconfig:
      double_z: false
      z_channels: %d
      resolution: %d
      in_channels: %d
      out_ch: %d
      ch: %d
      ch_mult: %s
      num_res_blocks: %d
      attn_resolutions: %s
      dropout: 0.0
    lossconfig:
      target: taming.modules.losses.vqperceptual.DummyLoss
`, target, c.Embed, c.Codes, more, c.ZChannels, c.ImageSize, c.Channels, c.Channels, c.Width, list(c.Multipliers), c.Blocks, list(attention))
}

// exportVQGAN returns a checkpoint as PyTorch Lightning's, without what belongs to training.
func exportVQGAN(m *vqgan.Model) (*export, error) {
	if err := checkVQGAN(m.Config(), false); err != nil {
		return nil, err
	}
	e := &export{key: "state_dict", sections: torchfile.NewDict("epoch", 0, "global_step", 0)}
	for _, t := range saveVQGAN(m) {
		e.weights = append(e.weights, stateTensor{t.Name, &t})
	}
	return e, nil
}
