package main

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/spf13/cobra"
)

func newImport() *cobra.Command {
	var run, tokenizerPath string
	c := &cobra.Command{
		Use:   "import [FILE ...]",
		Short: "Make a run folder from checkpoints of DALLE-pytorch",
		Long: `Make a run folder from checkpoints of DALLE-pytorch's train_vae.py and train_dalle.py (.pt), versions
0.x to 1.6.6, or from safetensors files as "bestiary export" writes them. The file of a DALL-E includes
its discrete VAE; the file of a CLIP may be given as well. The other commands then use the folder.

Prompts also need the tokenizer that the model was trained with, as --tokenizer, now or later:

  bpe_simple_vocab_16e6.txt  DALLE-pytorch's own tokenizer, from its folder dalle_pytorch/data
  tokenizer.json             the file of --bpe_path with --hug
  vocab.txt                  of bert-base-chinese, for --chinese

A checkpoint is a Python pickle, which may run any code when Python opens it. Bestiary runs none of it:
a file with more than tensors and plain values is an error. So is a model with a setting that Bestiary
doesn't have; the error names the setting.`,
		Example: `  bestiary import dalle.pt --tokenizer bpe_simple_vocab_16e6.txt --out runs/x
  bestiary import vae.pt --out runs/vae
  bestiary import --tokenizer tokenizer.json --out runs/x
  bestiary generate --run runs/x "a small yellow bird with black wings"`,
	}
	c.Flags().StringVar(&run, "out", "", "run folder to make, or to add to (required)")
	c.Flags().StringVar(&tokenizerPath, "tokenizer", "", "the file of the tokenizer that the model was trained with")
	c.RunE = func(c *cobra.Command, files []string) error {
		if run == "" {
			return usagef("--out is missing: name the run folder, for example --out runs/x")
		}
		if len(files) == 0 && tokenizerPath == "" {
			return usagef("there is no file to import; name a checkpoint, for example dalle.pt")
		}
		d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
		if err != nil {
			return err
		}
		defer d.Close()
		i := &importer{dir: run, device: d}
		for _, file := range files {
			if err := i.read(file); err != nil {
				return err
			}
		}
		if err := i.readRun(); err != nil {
			return err
		}
		if err := i.readTokenizer(tokenizerPath); err != nil {
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
