package toy

import (
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// TarFlow makes a KL autoencoder with latent maps of 4×4×3 for pictures of PetSize, and a transformer flow over them with
// guidance and noise.
func TarFlow(d *tensor.Device) (*vqgan.Model, *tarflow.Flow) {
	sizes := vqgan.DefaultConfig()
	sizes.ImageSize, sizes.Patch, sizes.Width, sizes.Multipliers, sizes.Groups = PetSize, 4, 8, []int{1, 1}, 4
	sizes.ZChannels, sizes.Embed = 3, 3
	kl := must(vqgan.NewKL(d, sizes, tensor.NewGenerator(1)))
	g := tensor.NewGenerator(2)
	enliven(d, kl, g, 0.3)
	flow := must(tarflow.New(d, tarflow.Config{
		Height: sizes.Grid(), Width: sizes.Grid(), Channels: sizes.Embed, Patch: 1, Classes: 2, Blocks: []int{2, 1},
		Dim: 16, HeadDim: 8, FFMult: 2, Start: true, LogScale: 2, Noise: 0.1, ClassDropout: 0.1,
	}, g))
	enliven(d, flow, g, 0.1)
	return kl, flow
}
