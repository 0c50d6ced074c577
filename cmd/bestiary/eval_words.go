package main

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// textToImage measures a discrete VAE, a DALL-E and a CLIP.
func (f *evalFlags) textToImage(c *cobra.Command) error {
	pipeline, err := openTextToImage(c, f.run, f.device)
	if err != nil {
		return err
	}
	there, pictures := pipeline.Models(), f.pictures
	if c.Flags().Changed("generated") && f.generated > 0 {
		for _, kind := range []string{models.DALLE.Name, models.CLIP.Name} {
			if !slices.Contains(there, kind) {
				return usagef("--generated %d: takes a dalle to draw and a clip to score, and the run has no %s; train one first, or leave it out", f.generated, kind)
			}
		}
	}
	captioned, shown := captionedData(f.run), pipeline.Dataset()
	pictures.captions = len(there) > 1 || !slices.Contains(models.Codecs(), there[0])
	if pictures.captions && len(captioned) > 0 {
		shown = captioned[0]
	}
	pictures.like(shown)
	pictures.channels = pipeline.Channels()
	pictures.notTrainedOn(c, append(captioned, pipeline.Dataset())...)
	heldOut, err := pictures.load(c, pipeline.Size(), data.Split(pictures.split))
	if err = f.enough(heldOut, err); err != nil {
		return err
	}
	bar := newBar(c.ErrOrStderr(), "drawing rows")
	o := eval.Options{Generated: f.generated, Seed: f.seed}
	o.Begin = func(what string) { fmt.Fprintf(c.ErrOrStderr(), "measuring %s\n", what) }
	o.Rows = func(r sample.Rows) { bar.update(r.Done, r.Total) }
	figures, err := eval.EvaluateTextToImage(c.Context(), pipeline, heldOut, o)
	bar.finish()
	if err != nil {
		return err
	}
	switch {
	case !slices.Contains(there, models.DALLE.Name):
		if err := f.noGenerator(c); err != nil {
			return err
		}
	case f.asked(c) || f.beside != "" || f.copies != "":
		g, err := pipeline.GeneratorOf(models.DALLE.Name)
		if err != nil {
			return err
		}
		var training *data.Dataset
		if data.Split(pictures.split) == data.Test {
			if training, err = pictures.loadPart(c, pipeline.Size(), data.Trainval, shown.Part); err != nil {
				return err
			}
		}
		judge := pipeline
		if g = g.ForClasses(); g.Classes != nil || !slices.Contains(there, models.CLIP.Name) {
			judge = nil
		}
		if figures.Quality, err = f.quality(c, g, heldOut, training, judge); err != nil {
			return err
		}
	}
	return printFigures(c, f.run, figures)
}
