// Package interchange turns the checkpoints of DALLE-pytorch, of the pretrained codes that it uses and of the flow notebook
// into models, and models into such checkpoints.
//
// DALLE-pytorch's training scripts write two kinds with torch.save:
//
//	train_vae.py    hparams, weights                                      a discrete VAE
//	train_dalle.py  hparams, vae_params, weights, version, epoch, …       a DALL-E, and its VAE below "vae."
//
// No script writes its CLIP; a checkpoint of it has hparams and weights, like a VAE's. hparams and vae_params are the
// arguments of the classes' constructors, weights is a state_dict. Safetensors files hold the same, with hparams and the
// like as JSON in the metadata. Versions 0.x to 1.6.6 are read if they compute what 1.6.6 computes; an argument that is not
// supported is an error that names it. A bare state_dict is read with hparams that are given beside it.
//
// A DALL-E on pretrained codes has vae_params None, and the weights of its VAE say what it is: OpenAI's discrete VAE, which the
// package dall_e saves as two modules, encoder.pkl and decoder.pkl, or a VQGAN of taming-transformers, which is a checkpoint of
// PyTorch Lightning and a configuration file.
//
// The flow notebook saves the bare state_dicts of its classes ImprovedAutoEncoder and LinearRNVP; their shapes say which
// configuration they have. The statistics of standardized embeddings are in a file of their own, see [Embedding].
//
// A state_dict of torchvision's ssd300_vgg16 or maskrcnn_resnet50_fpn is a detector, and so is a file of Keras with the weights of
// matterport's Mask_RCNN.
//
// Names and layouts of these programs are known in this package only: models have none of them. clip_state.go, dalle_state.go,
// flow.go and flow_save.go translate state_dicts, clip.go, dalle.go and vae.go translate arguments; ssd.go,
// maskrcnn.go and matterport.go know detectors; openai.go, openai_module.go, vqgan.go and vqgan_export.go know pretrained codes.
package interchange

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/openaivae"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// Checkpoint is what a file describes. Models that it lacks are nil.
type Checkpoint struct {
	Path   string
	Origin string // the program that wrote it, if the file says so: "DALLE-pytorch 1.6.6, epoch 3"
	VAE    *dvae.Config
	DALLE  *dalle.Config
	CLIP   *clip.Config
	OpenAI *openaivae.Config
	VQGAN  *vqgan.Config
	SSD    *ssd.Config

	MaskRCNN    *maskrcnn.Config
	Autoencoder *autoencoder.Config
	Flow        *flows.Config
	Embedding   *Embedding // of the flow, or the only content of the file

	source   *source
	half     string // of OpenAI's VAE that is in the file: openAIEncoder or openAIDecoder, see Join
	prefix   string // of the weights of OpenAI or VQGAN
	oneClass bool   // the flow has no condition, and gets one of zeros
	scaled   bool   // DALL-E's branches have scales: versions with LayerScale
	padded   bool   // DALL-E's padding has an id of its own at each position: versions from 0.9 on
}

// Read reads what a file describes. It checks the names and shapes of enough weights to make sure that models of the
// described sizes are in the file, before anything is allocated for them. Close the checkpoint after use. Errors about the
// content are a [*fault.DamagedFile].
func Read(path string) (*Checkpoint, error) { return ReadWith(path, "") }

// ReadWith is Read for a file that may lack hparams, such as a bare state_dict: they are those of the JSON file at settings, an
// object of the constructor's arguments, or of hparams and vae_params.
func ReadWith(path, settings string) (*Checkpoint, error) {
	s, err := open(path)
	if err != nil {
		return nil, err
	}
	if settings != "" {
		if err := s.readSettings(settings); err != nil {
			s.close()
			return nil, err
		}
	}
	c := &Checkpoint{Path: path, Origin: s.origin(), source: s}
	err = c.describe()
	if _, given := s.values[vqganSettings]; given && err == nil && c.VQGAN == nil {
		err = fmt.Errorf("has no VQGAN that %s could describe; import it without that file", settings)
	}
	if err != nil {
		s.close()
		return nil, fault.Damaged(path, "%v", err)
	}
	return c, nil
}

// Close closes the file.
func (c *Checkpoint) Close() error { return c.source.close() }

func (c *Checkpoint) describe() error {
	if c.source.keras {
		return c.describeMatterport()
	}
	if done, err := c.describeNotebook(); done || err != nil {
		return err
	}
	if c.half = c.source.openAIHalf(); c.half != "" {
		c.Origin = "OpenAI's package dall_e"
		return nil
	}
	if _, ok := c.source.shape(openAIEncoder + openAIInput); ok {
		return c.describeOpenAI("")
	}
	if _, ok := c.source.shape(vqganRoot); ok {
		return c.describeVQGAN("")
	}
	if _, ok := c.source.shape(ssdRoot); ok {
		return c.describeSSD()
	}
	if _, ok := c.source.shape(maskRoot); ok {
		return c.describeMaskRCNN()
	}
	hparams, ok := c.source.values["hparams"].(map[string]any)
	if !ok {
		return fmt.Errorf("has no hparams, so that the model's sizes are unknown; name a checkpoint that DALLE-pytorch's train_vae.py or train_dalle.py wrote, or give the hparams as a JSON file")
	}
	if _, ok := c.source.shape("to_text_latent.weight"); ok {
		return c.describeCLIP(hparams)
	}
	vaeParams, isDALLE := c.source.values["vae_params"]
	if !isDALLE {
		if _, ok := hparams["depth"]; ok {
			return fmt.Errorf("has no vae_params beside the hparams of a DALL-E; name a checkpoint that DALLE-pytorch's train_dalle.py wrote, or give hparams and vae_params as a JSON file")
		}
		return c.describeVAE("hparams", hparams, "")
	}
	if err := c.describeCodec(vaeParams); err != nil {
		return err
	}
	return c.describeDALLE(hparams)
}

// describeCodec describes the VAE of a DALL-E. DALLE-pytorch saves arguments for its own only; the weights of others, which
// come from files, say what they are.
func (c *Checkpoint) describeCodec(arguments any) error {
	params, ok := arguments.(map[string]any)
	class, named := c.source.values["vae_class_name"].(string)
	if ok && (!named || class == vaeClass) {
		return c.describeVAE("vae_params", params, vaePrefix)
	}
	if named && !slices.Contains([]string{vaeClass, openAIClass, vqganClass}, class) {
		return fmt.Errorf("has the vae_class_name %.40s, a VAE that is not supported; import a DALL-E that was trained with a %s, %s or %s", class, vaeClass, openAIClass, vqganClass)
	}
	if _, ok := c.source.shape(vqganPrefix + vqganRoot); ok {
		return c.describeVQGAN(vqganPrefix)
	}
	if _, ok := c.source.shape(vaePrefix + openAIEncoder + openAIInput); ok {
		return c.describeOpenAI(vaePrefix)
	}
	if !named {
		class = vaeClass
	}
	return fmt.Errorf("has the vae_class_name %s and no vae_params or weights of one below %q; name a checkpoint that DALLE-pytorch's train_dalle.py wrote", class, vaePrefix)
}

// codec returns the number of codes and the grid of the model of codes.
func (c *Checkpoint) codec() (codes, grid int) {
	switch {
	case c.VAE != nil:
		return c.VAE.Codes, c.VAE.Grid()
	case c.OpenAI != nil:
		return c.OpenAI.Codes, c.OpenAI.Grid()
	case c.VQGAN != nil:
		return c.VQGAN.CodebookSize(), c.VQGAN.Grid()
	}
	return 0, 0
}

// describeNotebook describes a file of the flow notebook; done is false for other files.
func (c *Checkpoint) describeNotebook() (done bool, err error) {
	s := c.source
	if s.holdsEmbedding() {
		if c.Embedding, err = s.embedding(); err != nil {
			return true, err
		}
		c.Origin = "statistics of the flow notebook"
		done = len(s.names()) == 2
	}
	if _, ok := s.shape(flowRoot); ok {
		if err := c.describeFlow(); err != nil || c.Embedding == nil {
			return true, err
		}
		return true, c.SetEmbedding(c.Embedding)
	}
	if _, ok := s.shape(autoencoderRoot); ok {
		return true, c.describeAutoencoder()
	}
	return done, nil
}

const (
	vaeClass  = "DiscreteVAE"
	vaePrefix = "vae."
)
