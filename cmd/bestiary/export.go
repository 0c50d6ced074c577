package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/interchange"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/spf13/cobra"
)

// exportFormats are the formats of export and the endings of their files.
var exportFormats = []struct {
	name, ending string
	write        func(string, interchange.Models) error
}{
	{"pytorch", ".pt", interchange.WriteTorch},
	{"safetensors", ".safetensors", interchange.WriteSafetensors},
	{"lightning", ".ckpt", interchange.WriteTorch}, // a VQGAN
	{"dall_e", ".pkl", interchange.WriteOpenAI},
	{"dalle-pytorch", "", interchange.WriteTorch}, // the earlier name of pytorch
}

func newExport() *cobra.Command {
	var run, model, format, out string
	var force bool
	var card hubFlags
	c := &cobra.Command{
		Use:   "export",
		Short: "Write a run's models for PyTorch, as ONNX files, or as a folder for the Hugging Face Hub",
		Long: `Write a model of a run for other programs, as one file:

  dalle, dvae, clip  for DALLE-pytorch 1.6.6; the file of a dalle includes its dvae, vqgan or openai. The checkpoint
                     is as its train_dalle.py and train_vae.py write it, without the state of the optimizer; the
                     scripts continue from it (--dalle_path, --vae_path)
  vqgan              for taming-transformers: a checkpoint and its configuration file, x.ckpt and x.yaml. A dalle
                     on its codes gets both beside it, x.vqgan.ckpt and x.vqgan.yaml, for --vqgan_model_path and
                     --vqgan_config_path
  openai             for the package dall_e, with the ending .pkl: x.encoder.pkl and x.decoder.pkl. With .pt, the
                     state_dict of DALLE-pytorch's OpenAIDiscreteVAE
  flow, autoencoder  for the flow notebook: the state_dict of its LinearRNVP or ImprovedAutoEncoder, which load
                     it with strict=True. Beside x.pt, the flow's x.emb.pt has emb_mean and emb_std, with which
                     embeddings were standardized, and the names of the classes
  ssd                for torchvision: the state_dict of ssd300_vgg16, of a detector with the backbone vgg16
  maskrcnn           for torchvision: the state_dict of maskrcnn_resnet50_fpn or, with another backbone, of its MaskRCNN;
                     the command prints the call that makes it

The formats are pytorch (torch.save; also lightning for .ckpt and dall_e for .pkl) and safetensors, with the same names and shapes; the latter has the settings
as JSON in the metadata. "bestiary import" reads both. A model with a setting that the other program doesn't have
is an error.

With --format onnx, each function of the model becomes a file with ONNX operators, opset 17, beside --out: --out x.onnx
writes x.encode.onnx and x.decode.onnx. The number N of rows is chosen when a file runs. Pictures are channels last, values
in [-1, 1]; indices are int64, all others float. The command lists inputs and outputs.

  clip                  text: tokens to embedding; image: images to embedding
  maskgit               predict: tokens, codes to logits
  rectified             velocity: latents, time, tokens to velocity
  dalle                 prefill: tokens to logits and caches; step: code, cell and caches to logits and caches
  dvae, vqgan, openai   encode: images to codes; decode: codes to image
  kl                    encode: images to latents; decode: latents to image
  autoencoder           encode: images to embedding; decode: embedding to image
  flow, density         sample: noise, condition to sample, log_density; density: sample, condition to log_density, noise
  tarflow               sample: noise, condition to latents; density: latents, condition to log_density
  classifier            classify: images to features, probabilities
  ssd                   detect: images to scores, boxes of all priors
  maskrcnn              detect: images (one, of any size) to boxes, labels, scores and masks of the objects in it

With --format huggingface, --out is a folder as the Hugging Face Hub expects it, of all models of the run or that
of --model, whatever their kinds: config.json, model.safetensors, the tokenizer, and README.md, the model card with
its metadata, the figures and the last samples of the trainings, and those of --figures. "bestiary import" takes such
a folder back, to the bit. Paths of this machine are left out.`,
		Example: `  bestiary export --run runs/birds --out birds.pt
  bestiary export --run runs/birds --format safetensors --out birds.safetensors
  bestiary export --run runs/birds --model dvae --out vae.pt
  bestiary export --run runs/pets --model flow --out flow.pt
  bestiary export --run runs/pets --model autoencoder --out autoencoder.pt
  bestiary export --run runs/birds --model dvae --format onnx --out birds.onnx
  bestiary eval --run runs/pets > figures.json
  bestiary export --run runs/pets --format huggingface --license cc-by-4.0 --figures figures.json --out pets-flow`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	c.Flags().StringVar(&model, "model", "", "dalle (with the model of its codes), dvae, vqgan, openai, clip, flow, autoencoder, ssd or maskrcnn (default: the first of them that the run has); onnx and huggingface have others")
	c.Flags().StringVar(&format, "format", "", "pytorch, safetensors, lightning or dall_e (default: as --out ends, .pt, .safetensors, .ckpt or .pkl), onnx (default for .onnx), or huggingface, a folder")
	c.Flags().StringVar(&out, "out", "", "file to write (required)")
	c.Flags().BoolVar(&force, "force", false, "replace files that exist")
	card.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if run == "" {
			return usagef("--run is missing: name the run folder, for example --run runs/birds")
		}
		if out == "" {
			return usagef("--out is missing: name the file to write, for example --out birds.pt")
		}
		if format == hubFormat {
			return exportHub(c, run, model, out, &card, force)
		}
		if err := card.refuse(c); err != nil {
			return err
		}
		if format == onnxFormat || format == "" && filepath.Ext(out) == onnxEnding {
			return exportONNX(c, run, model, out, force)
		}
		write, err := exportFormat(format, out)
		if err != nil {
			return err
		}
		if model != "" && !slices.Contains(exportModels, model) {
			return usagef("--model %s: choose one of %s", model, strings.Join(exportModels, ", "))
		}
		if err := checkNew("--out", out, force); err != nil {
			return err
		}
		d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
		if err != nil {
			return err
		}
		defer d.Close()
		r, err := runfolder.Open(run)
		if err != nil {
			return err
		}
		exported, err := loadModels(r, d, model)
		if err != nil {
			return err
		}
		written := []string{out}
		if exported.Flow != nil {
			beside := interchange.EmbeddingPath(out)
			if err := checkNew("--out", beside, force); err != nil {
				return err
			}
			if err := write(beside, interchange.Models{Embedding: exported.Embedding}); err != nil {
				return err
			}
			written = append(written, beside)
		}
		if err := write(out, exported); err != nil {
			return err
		}
		switch {
		case exported.VQGAN != nil:
			if err := interchange.WriteVQGAN(out, exported); err != nil {
				return err
			}
			checkpoint, config := interchange.VQGANPaths(out, exported.DALLE != nil)
			if written = append(written, config); checkpoint != out {
				written = append(written, checkpoint)
			}
		case exported.OpenAI != nil && (format == "dall_e" || format == "" && filepath.Ext(out) == ".pkl"):
			encoder, decoder := interchange.OpenAIPaths(out)
			written = []string{encoder, decoder}
		}
		switch {
		case exported.SSD != nil:
			fmt.Fprintf(c.ErrOrStderr(), "%s is the state_dict of %s\n", out, interchange.SSDCall(exported.SSD.Config()))
		case exported.MaskRCNN != nil:
			fmt.Fprintf(c.ErrOrStderr(), "%s is the state_dict of %s\n", out, interchange.MaskRCNNCall(exported.MaskRCNN.Config()))
		case exported.Flow != nil:
			tellFlow(c.ErrOrStderr(), exported, written)
		case exported.DALLE != nil && !exported.DALLE.Config().Transformer.Rotary:
			fmt.Fprintln(c.ErrOrStderr(), interchange.PositionNote)
		}
		if (exported.DALLE != nil || exported.CLIP != nil) && r.HasTokenizer() {
			fmt.Fprintf(c.ErrOrStderr(), "the model reads the ids of the run's tokenizer: give DALLE-pytorch --hug --bpe_path %s\n", r.Path("tokenizer.json"))
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), strings.Join(written, "\n"))
		return err
	}
	return c
}

// exportFormat returns the function that writes the format of that name or, without a name, of the file's ending.
func exportFormat(name, out string) (write func(string, interchange.Models) error, err error) {
	for _, f := range exportFormats {
		if f.name == name || name == "" && f.ending != "" && filepath.Ext(out) == f.ending {
			write = f.write
			break
		}
	}
	if write != nil {
		for _, f := range exportFormats {
			if f.ending != "" && filepath.Ext(out) == f.ending && (f.name == "safetensors") != (name == "safetensors") && name != "" {
				return nil, usagef("--format %s: is not what --out %s ends in; let it end as the format does, or leave out --format", name, out)
			}
		}
		return write, nil
	}
	if name != "" {
		return nil, usagef("--format %s: choose pytorch, safetensors, lightning, dall_e, onnx or huggingface", name)
	}
	return nil, usagef("--out %s: has no ending of a known format; let it end in .pt, .safetensors, .ckpt, .pkl or .onnx, or give --format", out)
}
