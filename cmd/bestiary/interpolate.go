package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

func newInterpolate() *cobra.Command {
	var run, from, to, classFrom, classTo string
	var frames int
	var seed uint64
	c := &cobra.Command{
		Use:   "interpolate",
		Short: "Interpolate between two animals in the flow's latent space",
		Long: `Interpolate between two animals: both are encoded and mapped to the base space of the flow. Points of
the spherical interpolation between the two are mapped back and decoded, while the class changes linearly
from the first to the second. An --out that ends in .gif becomes an animation, one that ends in
.png a grid. Without --from or --to, that end is a sample of its class at temperature 0.7.`,
		Example: `  bestiary interpolate --run runs/pets --from cat.jpg --to dog.jpg --from-class cat --to-class dog --out walk.gif
  bestiary interpolate --run runs/pets --from-class cat --to-class dog --frames 10 --out walk.png`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	addModelFlag(c)
	device := addDeviceFlags(c)
	c.Flags().StringVar(&from, "from", "", "first picture (default: a sample)")
	c.Flags().StringVar(&to, "to", "", "last picture (default: a sample)")
	c.Flags().StringVar(&classFrom, "from-class", "", "class of the first picture (default: the first class)")
	c.Flags().StringVar(&classTo, "to-class", "", "class of the last picture (default: the last class)")
	c.Flags().IntVar(&frames, "frames", 0, "pictures, both ends included (0: 10 for PNG, 40 for GIF)")
	c.Flags().Uint64Var(&seed, "seed", 0, "seed of the samples at the ends")
	files := addOutputFlags(c, "walk.png", "grid (.png) or animation (.gif) to write")
	c.RunE = func(c *cobra.Command, _ []string) error {
		out := files.out
		ending := strings.ToLower(filepath.Ext(out))
		if out == standard || !files.grid() {
			ending = ".png"
		}
		if ending != ".png" && ending != ".gif" {
			return usagef("--out %q: must end in .png or .gif, or be -", out)
		}
		if frames == 0 {
			frames = map[string]int{".png": 10, ".gif": 40}[ending]
		}
		if frames < 2 || frames > 1000 {
			return usagef("--frames %d: must be from 2 to 1000", frames)
		}
		if err := files.check(from, to); err != nil {
			return err
		}
		pipeline, err := openFlow(c, run, device)
		if err != nil {
			return err
		}
		if ending == ".png" {
			if err := files.checkGrid(layout.Options{}, pipeline.Size(), frames); err != nil {
				return err
			}
		}
		classes := pipeline.Classes()
		if classFrom == "" {
			classFrom = classes[0]
		}
		if classTo == "" {
			classTo = classes[len(classes)-1]
		}
		for flag, class := range map[string]string{"from-class": classFrom, "to-class": classTo} {
			if _, err := pipeline.Class(class); err != nil {
				return usagef("--%s %.80q: must be one of %s", flag, class, strings.Join(classes, ", "))
			}
		}
		notCutOut(c, pipeline.Dataset(), from, to)
		first, err := end(c, pipeline, from, classFrom, seed)
		if err != nil {
			return err
		}
		last, err := end(c, pipeline, to, classTo, seed+1)
		if err != nil {
			return err
		}
		walk, err := pipeline.Interpolate(c.Context(), sample.Ends{From: first, To: last, ClassFrom: classFrom, ClassTo: classTo}, frames)
		if err != nil {
			return err
		}
		made := make([]madePicture, len(walk))
		for i, img := range walk {
			made[i] = madePicture{image: img, name: fmt.Sprintf("walk-%04d", i+1), Index: i}
		}
		if ending == ".gif" {
			if err := layout.SaveGIF(out, walk, layout.Animation{Delay: 80 * time.Millisecond, PingPong: true}); err != nil {
				return err
			}
			if err := files.writeEach(made); err != nil {
				return err
			}
			return files.print(outputReport{Run: run, Grid: out, Pictures: made}, "")
		}
		return files.write(run, "", made, gridOf(layout.Options{Title: classFrom + " to " + classTo}, layout.Section{Images: walk}))
	}
	return c
}

// end returns the pixels [S, S, C] of one end: a picture from a file, or a sample.
func end(c *cobra.Command, pipeline *sample.Flow, file, class string, seed uint64) ([]uint8, error) {
	if file != "" {
		return readPicture(file, pipeline.Size(), pipeline.Channels(), pipeline.Dataset().Resize)
	}
	typical := sampling.Default()
	typical.Temperature = 0.7
	pictures, err := pipeline.Sample(c.Context(), sample.Options{Class: class, Seed: seed, Sampling: &typical})
	if err != nil {
		return nil, err
	}
	if pipeline.Channels() == 4 {
		return pictures[0].Image.Pix, nil // [S, S, 4]
	}
	return sample.ToRGB(pictures[0].Image), nil
}
