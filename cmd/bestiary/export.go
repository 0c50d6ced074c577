package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/interchange"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/spf13/cobra"
)

// exportFormats are the formats of export and the endings of their files.
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

  dalle-pytorch  a checkpoint as train_dalle.py or train_vae.py of DALLE-pytorch 1.6.6 write it, without
                 the state of the optimizer; its scripts continue from it (--dalle_path, --vae_path)
  safetensors    the same names and shapes, with the models' settings as JSON in the metadata

"bestiary import" reads both. A model with a setting that DALLE-pytorch doesn't have is an error.`,
		Example: `  bestiary export --run runs/birds --out birds.pt
  bestiary export --run runs/birds --format safetensors --out birds.safetensors
  bestiary export --run runs/birds --model dvae --out vae.pt`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	c.Flags().StringVar(&model, "model", "", "dalle (with its dvae), dvae or clip (default: the first of them that the run has)")
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
		exported, err := loadModels(r, d, model)
		if err != nil {
			return err
		}
		if err := write(out, exported); err != nil {
			return err
		}
		if (exported.DALLE != nil || exported.CLIP != nil) && r.HasTokenizer() {
			fmt.Fprintf(c.ErrOrStderr(), "the model reads the ids of the run's tokenizer: give DALLE-pytorch --hug --bpe_path %s\n", r.Path("tokenizer.json"))
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), out)
		return err
	}
	return c
}

// exportFormat returns the function that writes the format of that name or, without a name, of the file's ending.
func exportFormat(name, out string) (write func(string, interchange.Models) error, err error) {
	for _, f := range exportFormats {
		if f.name == name || name == "" && filepath.Ext(out) == f.ending {
			return f.write, nil
		}
	}
	if name != "" {
		return nil, usagef("--format %s: choose dalle-pytorch or safetensors", name)
	}
	return nil, usagef("--out %s: has no ending of a known format; let it end in .pt or .safetensors, or give --format", out)
}

// exportModels are the models that export writes, the preferred one first.
var exportModels = []string{models.DALLE.Name, models.DVAE.Name, models.CLIP.Name}

// loadModels loads what is exported: the model of that name or, without one, the first of exportModels that the run has.
func loadModels(r *runfolder.Run, d *tensor.Device, model string) (m interchange.Models, err error) {
	if model == "" {
		model = models.DVAE.Name // whose absence is the error
		for _, name := range exportModels {
			if r.HasWeights(name) {
				model = name
				break
			}
		}
	}
	if model == models.CLIP.Name {
		m.CLIP, err = models.CLIP.Open(r.Dir(), d)
		return m, err
	}
	if m.VAE, err = models.DVAE.Open(r.Dir(), d); err != nil || model == models.DVAE.Name {
		return m, err
	}
	m.DALLE, err = models.DALLE.Open(r.Dir(), d)
	return m, err
}
