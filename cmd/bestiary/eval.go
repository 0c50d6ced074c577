package main

import (
	"encoding/json"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/spf13/cobra"
)

func newEval() *cobra.Command {
	var run string
	var seed uint64
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measure a run on pictures that it wasn't trained on, as JSON",
		Long: `Measure a run on held-out pictures and print the figures as JSON:

  reconstruction  mean squared error and PSNR of decode(encode(picture))
  flow            negative log-likelihood in nats and bits per dimension, in all and by class; accuracy
                  of the most probable class, beside the rate of the commonest one
  nearest         whether samples are copies: distances to the nearest training picture, beside the
                  same for held-out photos (needs the training part of --data)`,
		Example: `  bestiary eval --run runs/pets --data oxford-pets`,
		Args:    noArguments,
	}
	addRunFlag(c, &run)
	pictures := addDataFlags(c, data.Test)
	pictures.fromRun(c)
	device := addDeviceFlags(c)
	c.Flags().Uint64Var(&seed, "seed", 0, "of the samples that are compared with the training pictures")
	c.RunE = func(c *cobra.Command, _ []string) error {
		pets, err := openPets(run, device)
		if err != nil {
			return err
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
		out := json.NewEncoder(c.OutOrStdout())
		out.SetIndent("", "  ")
		if err := out.Encode(figures); err != nil {
			return fmt.Errorf("%s: the figures are no finite numbers (%w); train the run again", run, err)
		}
		return nil
	}
	return c
}
