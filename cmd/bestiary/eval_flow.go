package main

import (
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// flow measures an autoencoder, and its flow if there is one.
func (f *evalFlags) flow(c *cobra.Command) error {
	pipeline, err := openFlow(c, f.run, f.device)
	if err != nil {
		return err
	}
	if c.Flags().Changed("generated") {
		return usagef("--generated: needs a run of birds from words; leave it out, or use --samples")
	}
	f.pictures.channels = pipeline.Channels()
	heldOut, training, err := f.sets(c, pipeline.Size(), pipeline.Dataset(), pipeline.Dataset())
	if err != nil {
		return err
	}
	figures, err := eval.EvaluateFlow(c.Context(), pipeline, heldOut, training, f.seed)
	if err != nil {
		return err
	}
	if figures.Flow != nil {
		g, err := pipeline.Generator()
		if err != nil {
			return err
		}
		if figures.Quality, err = f.quality(c, g, heldOut, training, nil); err != nil {
			return err
		}
	} else if err := f.noGenerator(c); err != nil {
		return err
	}
	return printFigures(c, f.run, figures)
}

// noGenerator returns an error if a flag asks for measures of samples although the run has no generator yet.
func (f *evalFlags) noGenerator(c *cobra.Command) error {
	if !f.asked(c) && f.beside == "" && f.copies == "" {
		return nil
	}
	d, err := f.device.open()
	if err != nil {
		return err
	}
	_, err = sample.OpenGenerator(c.Context(), f.run, f.model, d)
	return err
}

// sets loads the held-out pictures and, if these are the test split, the training pictures of a generator.
func (f *evalFlags) sets(c *cobra.Command, size int, shown, trained data.Description) (heldOut, training *data.Dataset, err error) {
	p := f.pictures
	p.like(shown)
	p.notTrainedOn(c, trained)
	heldOut, err = p.load(c, size, data.Split(p.split))
	if err = f.enough(heldOut, err); err != nil || data.Split(p.split) != data.Test {
		return heldOut, nil, err
	}
	training, err = p.loadPart(c, size, data.Trainval, f.trainedPart(trained))
	return heldOut, training, err
}
