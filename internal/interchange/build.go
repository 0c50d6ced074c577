package interchange

import (
	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/openaivae"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// Models are the content of a file: a VAE of any kind, a VAE and the DALL-E that models its codes, a CLIP, an autoencoder, a flow, the
// statistics of a flow's embeddings, or a detector.
type Models struct {
	VAE         *dvae.VAE
	OpenAI      *openaivae.VAE
	VQGAN       *vqgan.Model
	DALLE       *dalle.DALLE
	CLIP        *clip.CLIP
	Autoencoder *autoencoder.Autoencoder
	Flow        *flows.RealNVP
	Embedding   *Embedding
	SSD         *ssd.Model
	MaskRCNN    *maskrcnn.Model
}

// Build builds the models of the checkpoint on a device. Errors about the content are a [*fault.DamagedFile].
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
	if c.OpenAI != nil {
		if m.OpenAI, err = c.source.openAI(d, *c.OpenAI, c.prefix); err != nil {
			return m, err
		}
	}
	if c.VQGAN != nil {
		if m.VQGAN, err = c.source.vqgan(d, *c.VQGAN, c.prefix); err != nil {
			return m, err
		}
	}
	if c.DALLE != nil {
		if m.DALLE, err = c.buildDALLE(d); err != nil {
			return m, damaged(c.Path, err)
		}
	}
	if c.CLIP != nil {
		if m.CLIP, err = c.source.clip(d, *c.CLIP); err != nil {
			return m, err
		}
	}
	if c.SSD != nil {
		if m.SSD, err = c.source.ssd(d, *c.SSD); err != nil {
			return m, err
		}
	}
	if c.MaskRCNN != nil {
		if m.MaskRCNN, err = c.source.maskRCNN(d, *c.MaskRCNN); err != nil {
			return m, err
		}
	}
	if c.Autoencoder != nil {
		if m.Autoencoder, err = c.source.autoencoder(d, *c.Autoencoder); err != nil {
			return m, err
		}
	}
	if c.Flow != nil {
		if m.Flow, err = c.flow(d); err != nil {
			return m, err
		}
	}
	m.Embedding = c.Embedding
	return m, nil
}
