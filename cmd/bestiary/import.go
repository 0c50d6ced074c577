package main

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/hub"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/spf13/cobra"
)

func newImport() *cobra.Command {
	var run, tokenizerPath string
	var o importOptions
	c := &cobra.Command{
		Use:   "import [FILE ...]",
		Short: "Make a run folder from checkpoints of PyTorch",
		Long: `Make a run folder from checkpoints of other programs, which the other commands then use:

  DALLE-pytorch      what its train_vae.py and train_dalle.py write (.pt), versions 0.x to 1.6.6. The file of a
                     DALL-E includes its VAE: its own, OpenAI's or a VQGAN; the file of a CLIP may be given as
                     well. A bare state_dict needs the arguments of the constructor: --config hparams.json
  taming             the .ckpt of a VQModel or GumbelVQ of taming-transformers, with or without --config of its
                     .yaml. The discriminator and the features of its loss are left out
  OpenAI's dall_e    encoder.pkl and decoder.pkl, of which both are named
  the flow notebook  the state_dicts of its ImprovedAutoEncoder and LinearRNVP. A flow needs the names of its
                     classes, and the file of emb_mean and emb_std if it was trained on standardized embeddings;
                     x.emb.pt is found beside x.pt
  torchvision        the state_dict of ssd300_vgg16, maskrcnn_resnet50_fpn or MaskRCNN with another backbone,
                     detectors. With other classes than the 90 of COCO they need their names as --classes
  matterport         the .h5 of its Mask_RCNN with ResNet-50 or 101. The names of other classes than the 80 of
                     COCO are given as --classes
  Bestiary           a folder of "bestiary export --format huggingface", of models of any kind

Files may be safetensors, too, as "bestiary export" writes them, also in shards: name the file
model.safetensors.index.json. Weights of modules in DataParallel or torch.compile are read.

Prompts also need the tokenizer that the model was trained with, as --tokenizer, now or later:

  bpe_simple_vocab_16e6.txt  DALLE-pytorch's own tokenizer, from its folder dalle_pytorch/data
  tokenizer.json             the file of --bpe_path with --hug
  vocab.txt                  of bert-base-chinese, for --chinese; --cased or --uncased if its text keeps
                             its case, or is lower-cased

A checkpoint is a Python pickle, which may run any code when Python opens it. Bestiary runs none of it:
a file with more than tensors, plain values and names of known modules is an error. So is a model with a
setting that Bestiary doesn't have; the error names the setting.`,
		Example: `  bestiary import dalle.pt --tokenizer bpe_simple_vocab_16e6.txt --out runs/x
  bestiary import vae.pt --out runs/vae
  bestiary import encoder.pkl decoder.pkl --image-size 64 --out runs/openai
  bestiary import vqgan.ckpt --config vqgan.yaml --out runs/vqgan
  bestiary import weights.pt --config hparams.json --out runs/x
  bestiary import autoencoder.pt flow.pt --classes cat,dog --out runs/pets
  bestiary import ssd300_vgg16_coco.pth --out runs/coco
  bestiary import maskrcnn_resnet50_fpn_coco.pth --out runs/masks
  bestiary import mask_rcnn_coco.h5 --out runs/matterport
  bestiary import pets-flow/ --out runs/pets
  bestiary import --tokenizer tokenizer.json --out runs/x
  bestiary generate --run runs/x "a small yellow bird with black wings"`,
	}
	c.Flags().StringVar(&run, "out", "", "run folder to make, or to add to (required)")
	c.Flags().StringVar(&tokenizerPath, "tokenizer", "", "the file of the tokenizer that the model was trained with")
	addCasingFlags(c, &o.casing)
	c.Flags().StringVar(&o.config, "config", "", "JSON file of the hparams of a file that has none: the constructor's arguments, or {\"hparams\": …, \"vae_params\": …}; or the .yaml of a VQGAN")
	c.Flags().StringSliceVar(&o.classes, "classes", nil, "names of the classes of a flow, in the order of its condition, of the pictures of an autoencoder, or of a detector")
	c.Flags().IntVar(&o.imageSize, "image-size", 0, "side of the pictures of a VQGAN or OpenAI's VAE, whose weights serve any size (default: that of the file, or 256)")
	c.Flags().BoolVar(&o.rawEmbeddings, "raw-embeddings", false, "the flow was trained on embeddings as the autoencoder makes them, without emb_mean and emb_std")
	c.RunE = func(c *cobra.Command, files []string) error {
		if run == "" {
			return usagef("--out is missing: name the run folder, for example --out runs/x")
		}
		if len(files) == 0 && tokenizerPath == "" {
			return usagef("there is no file to import; name a checkpoint, for example dalle.pt")
		}
		for _, file := range files {
			if hub.Is(file) {
				if len(files) > 1 {
					return usagef("%s: is a whole folder of models; import it alone", file)
				}
				return importHub(c, file, run)
			}
		}
		const maxImageSize = 512
		if o.imageSize < 0 || o.imageSize > maxImageSize {
			return usagef("--image-size %d: must be 1 to %d pixels, or 0 for that of the file", o.imageSize, maxImageSize)
		}
		if (o.casing.Cased || o.casing.Uncased) && tokenizerPath == "" {
			return usagef("--cased and --uncased need --tokenizer; name a vocab.txt")
		}
		d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
		if err != nil {
			return err
		}
		defer d.Close()
		i := &importer{dir: run, device: d, options: o}
		if err := i.readFiles(files); err != nil {
			return err
		}
		if err := i.readRun(); err != nil {
			return err
		}
		if err := i.readTokenizer(tokenizerPath); err != nil {
			return err
		}
		if err := i.nameClasses(); err != nil {
			return err
		}
		if err := i.write(); err != nil {
			return err
		}
		for _, missing := range i.missing() {
			fmt.Fprintln(c.ErrOrStderr(), missing)
		}
		for _, m := range i.models {
			if m.module != nil {
				fmt.Fprintf(c.OutOrStdout(), "%s: %s, %d parameters (%s)\n", m.name, m.what, nn.Count(m.module), m.origin)
			}
		}
		if i.tokenizer != nil {
			fmt.Fprintf(c.OutOrStdout(), "tokenizer: %s of %d ids\n", i.tokenizer.Kind(), i.tokenizer.VocabSize())
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), run)
		return err
	}
	return c
}
