package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

func newEval() *cobra.Command {
	var run string
	var seed uint64
	var generated int
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measure a run on pictures that it wasn't trained on, as JSON",
		Long: `Measure a run on held-out pictures and print the figures as JSON. Of pets by flow:

  reconstruction  mean squared error and PSNR of decode(encode(picture))
  flow            negative log-likelihood in nats and bits per dimension, in all and by class; accuracy
                  of the most probable class, beside the rate of the commonest one
  nearest         whether samples are copies: distances to the nearest training picture, beside the
                  same for held-out photos (needs the training part of --data)

Of birds from words, where every picture shows one of its captions:

  dvae            mean squared error and PSNR of decode(codes(picture)), and how many codes are in use
  dalle           loss, and its parts in nats per token of text and per code of pictures
  clip            how often a caption finds its picture among all, and a picture its caption, beside chance
  generated       CLIP score of pictures generated for captions, beside that of other captions and of
                  the photos`,
		Example: `  bestiary eval --run runs/pets --data oxford-pets
  bestiary eval --run runs/birds --data cub --generated 100`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	pictures := addDataFlags(c, data.Test)
	pictures.anyPath(c)
	pictures.fromRun(c)
	device := addDeviceFlags(c)
	c.Flags().Uint64Var(&seed, "seed", 0, "of what is drawn to be measured")
	c.Flags().IntVar(&generated, "generated", 32, "pictures that a dalle draws for clip to judge (0: none)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if generated < 0 || generated > 100_000 {
			return usagef("--generated %d: draw from 0 to 100000 pictures", generated)
		}
		if ofBirds(run) {
			return evalBirds(c, run, pictures, device, sample.EvaluateOptions{Generated: generated, Seed: seed})
		}
		pets, err := openPets(run, device)
		if err != nil {
			return err
		}
		if c.Flags().Changed("generated") {
			return usagef("--generated: is for runs of birds from words; leave it out")
		}
		pictures.like(pets.Dataset())
		pictures.notTrainedOn(c, pets.Dataset())
		heldOut, err := pictures.load(c, pets.Size(), data.Split(pictures.split))
		if err != nil {
			return err
		}
		var training *data.Dataset
		if data.Split(pictures.split) == data.Test {
			if training, err = pictures.load(c, pets.Size(), data.Trainval); err != nil {
				return err
			}
		}
		figures, err := pets.Evaluate(c.Context(), heldOut, training, seed)
		if err != nil {
			return err
		}
		return printFigures(c, run, figures)
	}
	return c
}

func evalBirds(c *cobra.Command, run string, pictures *dataFlags, device *deviceFlags, o sample.EvaluateOptions) error {
	birds, err := openBirds(run, device)
	if err != nil {
		return err
	}
	models := birds.Models()
	captioned, shown := captionedData(run), birds.Dataset()
	pictures.captions = !slices.Equal(models, []string{"dvae"})
	if pictures.captions && len(captioned) > 0 {
		shown = captioned[0]
	}
	pictures.like(shown)
	pictures.channels = birds.Channels()
	pictures.notTrainedOn(c, append(captioned, birds.Dataset())...)
	heldOut, err := pictures.load(c, birds.Size(), data.Split(pictures.split))
	if err != nil {
		return err
	}
	bar := newBar(c.ErrOrStderr(), "drawing rows")
	o.Begin = func(what string) { fmt.Fprintf(c.ErrOrStderr(), "measuring %s\n", what) }
	o.Rows = func(r sample.Rows) { bar.update(r.Done, r.Total) }
	figures, err := birds.Evaluate(c.Context(), heldOut, o)
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
		return fmt.Errorf("%s: the figures are no finite numbers (%w); train the run again", run, err)
	}
	return nil
}
