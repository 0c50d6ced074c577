package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

func newEval() *cobra.Command {
	var run string
	var seed uint64
	var generated int
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measure the models of a run on held-out pictures, as JSON",
		Long: `Measure the models of a run on held-out pictures and print the figures as JSON.

A run of a KL autoencoder:
  reconstruction  mean squared error and PSNR of decode(encode(picture)), for pixels in [-1, 1]

A run of pets by flow:
  reconstruction  mean squared error and PSNR of decode(encode(picture)), for pixels in [-1, 1]
  flow            negative log-likelihood in nats and in bits per dimension, overall and by class;
                  accuracy as a classifier, beside that of always choosing the most frequent class
  nearest         distances of samples to the nearest training picture, beside those of held-out
                  pictures: copies would lie much nearer (needs the training split of --data)

A run of birds from words, with one caption for each picture:
  codec           of the dvae or vqgan: mean squared error and PSNR of decode(codes(picture)), and use of
                  the codebook
  dalle           cross-entropy, and its parts in nats per text token and per code
  clip            retrieval: how often a caption finds its picture and a picture its caption, beside
                  chance
  generated       CLIP score of pictures generated for captions, beside the scores with other
                  captions and of the photos`,
		Example: `  bestiary eval --run runs/pets --data oxford-pets
  bestiary eval --run runs/birds --data cub --generated 100`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	pictures := addDataFlags(c, data.Test)
	pictures.anyPath(c)
	pictures.fromRun(c)
	device := addDeviceFlags(c)
	c.Flags().Uint64Var(&seed, "seed", 0, "seed of the samples that are measured")
	c.Flags().IntVar(&generated, "generated", 32, "pictures to generate and score by CLIP (0: none)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		o := eval.Options{Generated: generated, Seed: seed}
		if err := o.Validate(); err != nil {
			return err
		}
		if isLatents(run) {
			return evalLatents(c, run, pictures, device)
		}
		if isTextToImage(run) {
			return evalTextToImage(c, run, pictures, device, o)
		}
		pipeline, err := openFlow(c, run, device)
		if err != nil {
			return err
		}
		if c.Flags().Changed("generated") {
			return usagef("--generated: needs a run of birds from words; leave it out")
		}
		pictures.like(pipeline.Dataset())
		pictures.notTrainedOn(c, pipeline.Dataset())
		heldOut, err := pictures.load(c, pipeline.Size(), data.Split(pictures.split))
		if err != nil {
			return err
		}
		var training *data.Dataset
		if data.Split(pictures.split) == data.Test {
			if training, err = pictures.load(c, pipeline.Size(), data.Trainval); err != nil {
				return err
			}
		}
		figures, err := eval.EvaluateFlow(c.Context(), pipeline, heldOut, training, seed)
		if err != nil {
			return err
		}
		return printFigures(c, run, figures)
	}
	return c
}

func evalLatents(c *cobra.Command, run string, pictures *dataFlags, device *deviceFlags) error {
	pipeline, err := openLatents(c, run, device)
	if err != nil {
		return err
	}
	if c.Flags().Changed("generated") {
		return usagef("--generated: needs a run of birds from words; leave it out")
	}
	pictures.like(pipeline.Dataset())
	pictures.channels = pipeline.Channels()
	pictures.notTrainedOn(c, pipeline.Dataset())
	heldOut, err := pictures.load(c, pipeline.Size(), data.Split(pictures.split))
	if err != nil {
		return err
	}
	figures, err := eval.EvaluateLatents(c.Context(), pipeline, heldOut)
	if err != nil {
		return err
	}
	return printFigures(c, run, figures)
}

func evalTextToImage(c *cobra.Command, run string, pictures *dataFlags, device *deviceFlags, o eval.Options) error {
	pipeline, err := openTextToImage(c, run, device)
	if err != nil {
		return err
	}
	there := pipeline.Models()
	if c.Flags().Changed("generated") && o.Generated > 0 {
		for _, kind := range []string{models.DALLE.Name, models.CLIP.Name} {
			if !slices.Contains(there, kind) {
				return usagef("--generated %d: takes a dalle to draw and a clip to score, and the run has no %s; train one first, or leave it out", o.Generated, kind)
			}
		}
	}
	captioned, shown := captionedData(run), pipeline.Dataset()
	pictures.captions = len(there) > 1 || !slices.Contains(models.Codecs(), there[0])
	if pictures.captions && len(captioned) > 0 {
		shown = captioned[0]
	}
	pictures.like(shown)
	pictures.channels = pipeline.Channels()
	pictures.notTrainedOn(c, append(captioned, pipeline.Dataset())...)
	heldOut, err := pictures.load(c, pipeline.Size(), data.Split(pictures.split))
	if err != nil {
		return err
	}
	bar := newBar(c.ErrOrStderr(), "drawing rows")
	o.Begin = func(what string) { fmt.Fprintf(c.ErrOrStderr(), "measuring %s\n", what) }
	o.Rows = func(r sample.Rows) { bar.update(r.Done, r.Total) }
	figures, err := eval.EvaluateTextToImage(c.Context(), pipeline, heldOut, o)
	bar.finish()
	if err != nil {
		return err
	}
	return printFigures(c, run, figures)
}

func printFigures(c *cobra.Command, run string, figures any) error {
	out := json.NewEncoder(c.OutOrStdout())
	out.SetIndent("", "  ")
	if err := out.Encode(figures); err != nil {
		return fmt.Errorf("%s: some figures are not finite numbers (%w); the models have diverged, train them again", run, err)
	}
	return nil
}
