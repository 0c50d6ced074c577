package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/interchange"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/spf13/cobra"
)

// exportFormats are the formats of export, and the endings that tell them.
var exportFormats = []struct {
	name, ending string
	write        func(string, interchange.Models) error
}{
	{"dalle-pytorch", ".pt", interchange.WriteTorch},
	{"safetensors", ".safetensors", interchange.WriteSafetensors},
}

func newExport() *cobra.Command {
	var run, model, format, out string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write a run's models as a checkpoint for DALLE-pytorch",
		Long: `Write the dalle of a run with its dvae, or its dvae or clip alone, as one file:

  dalle-pytorch  what train_dalle.py or train_vae.py of DALLE-pytorch 1.6.6 write, without the state
                 of the optimizer; its scripts go on from there (--dalle_path, --vae_path)
  safetensors    the same names and shapes, with the models' settings as JSON in the metadata

"bestiary import" reads both. A model with a setting that DALLE-pytorch doesn't have is refused.`,
		Example: `  bestiary export --run runs/birds --out birds.pt
  bestiary export --run runs/birds --format safetensors --out birds.safetensors
  bestiary export --run runs/birds --model dvae --out vae.pt`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	c.Flags().StringVar(&model, "model", "", "dalle (with its dvae), dvae or clip (default: the first of them that there is)")
	c.Flags().StringVar(&format, "format", "", "dalle-pytorch or safetensors (default: as --out ends, .pt or .safetensors)")
	c.Flags().StringVar(&out, "out", "", "file to write (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if run == "" {
			return usagef("--run is missing: name the run folder, for example --run runs/birds")
		}
		if out == "" {
			return usagef("--out is missing: name the file to write, for example --out birds.pt")
		}
		write, err := exportFormat(format, out)
		if err != nil {
			return err
		}
		if model != "" && !slices.Contains(exportModels, model) {
			return usagef("--model %s: choose one of %s", model, strings.Join(exportModels, ", "))
		}
		if err := checkWritable("--out", out); err != nil {
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
		models, err := loadModels(r, d, model)
		if err != nil {
			return err
		}
		if err := write(out, models); err != nil {
			return err
		}
		if (models.DALLE != nil || models.CLIP != nil) && r.HasTokenizer() {
			fmt.Fprintf(c.ErrOrStderr(), "it reads the ids of the run's tokenizer: give DALLE-pytorch --hug --bpe_path %s\n", r.Path("tokenizer.json"))
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), out)
		return err
	}
	return c
}

// exportFormat is what writes the format of that name, or the one that the file's ending tells.
func exportFormat(name, out string) (write func(string, interchange.Models) error, err error) {
	for _, f := range exportFormats {
		if f.name == name || name == "" && filepath.Ext(out) == f.ending {
			return f.write, nil
		}
	}
	if name != "" {
		return nil, usagef("--format %s: choose dalle-pytorch or safetensors", name)
	}
	return nil, usagef("--out %s: its ending tells no format; let it end in .pt or .safetensors, or give --format", out)
}

var exportModels = []string{"dalle", "dvae", "clip"}

// loadModels loads what is to be exported.
func loadModels(r *runfolder.Run, d *tensor.Device, model string) (m interchange.Models, err error) {
	if model == "" {
		model = "dvae" // whose absence is told
		for _, name := range exportModels {
			if r.HasWeights(name) {
				model = name
				break
			}
		}
	}
	if model == "clip" {
		m.CLIP, err = loadModel(r, d, "clip", clip.New)
		return m, err
	}
	if m.VAE, err = loadModel(r, d, "dvae", dvae.New); err != nil || model == "dvae" {
		return m, err
	}
	m.DALLE, err = loadModel(r, d, "dalle", dalle.New)
	return m, err
}

// loadModel loads a model of a run.
func loadModel[C any, M nn.Module](r *runfolder.Run, d *tensor.Device, name string, build func(*tensor.Device, C, *tensor.Generator) (M, error)) (m M, err error) {
	var c C
	if err := r.Config(name, &c); err != nil {
		return m, err
	}
	if m, err = build(d, c, tensor.NewGenerator(0)); err != nil {
		return m, fmt.Errorf("%s: %s: %w", r.Path("config.json"), name, err)
	}
	_, err = r.LoadWeights(name, m)
	return m, err
}
