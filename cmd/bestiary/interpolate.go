package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

func newInterpolate() *cobra.Command {
	var run, from, to, classFrom, classTo, out string
	var frames int
	var seed uint64
	c := &cobra.Command{
		Use:   "interpolate",
		Short: "Walk from one animal to another through the flow's latent space",
		Long: `Walk between two animals: both are encoded and mapped to the flow's latent space, and the
pictures along a great arc between them are decoded, while the class changes from the one to
the other. An --out that ends in .gif becomes an animation, one in .png a strip of pictures.
Without --from or --to, that end is a sample of its class.`,
		Example: `  bestiary interpolate --run runs/pets --from cat.jpg --to dog.jpg --from-class cat --to-class dog --out walk.gif
  bestiary interpolate --run runs/pets --from-class cat --to-class dog --frames 10 --out walk.png`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	device := addDeviceFlags(c)
	c.Flags().StringVar(&from, "from", "", "picture to begin with (default: a sample)")
	c.Flags().StringVar(&to, "to", "", "picture to end with (default: a sample)")
	c.Flags().StringVar(&classFrom, "from-class", "", "class of the first (default: the first class)")
	c.Flags().StringVar(&classTo, "to-class", "", "class of the last (default: the last class)")
	c.Flags().IntVar(&frames, "frames", 0, "pictures on the way, ends included (0: 10 for PNG, 40 for GIF)")
	c.Flags().Uint64Var(&seed, "seed", 0, "of the samples at the ends")
	c.Flags().StringVar(&out, "out", "walk.png", "picture (.png) or animation (.gif) to write")
	c.RunE = func(c *cobra.Command, _ []string) error {
		ending := strings.ToLower(filepath.Ext(out))
		if ending != ".png" && ending != ".gif" {
			return usagef("--out %s: let the name end in .png or .gif", out)
		}
		if frames == 0 {
			frames = map[string]int{".png": 10, ".gif": 40}[ending]
		}
		if frames < 2 || frames > 1000 {
			return usagef("--frames %d: use from 2 to 1000", frames)
		}
		if err := checkWritable("--out", out); err != nil {
			return err
		}
		pets, err := openPets(run, device)
		if err != nil {
			return err
		}
		if ending == ".png" {
			if err := checkGrid(out, sample.Layout{}, pets.Size(), frames); err != nil {
				return err
			}
		}
		classes := pets.Classes()
		if classFrom == "" {
			classFrom = classes[0]
		}
		if classTo == "" {
			classTo = classes[len(classes)-1]
		}
		first, err := end(c, pets, from, classFrom, seed)
		if err != nil {
			return err
		}
		last, err := end(c, pets, to, classTo, seed+1)
		if err != nil {
			return err
		}
		walk, err := pets.Walk(first, last, classFrom, classTo, frames)
		if err != nil {
			return err
		}
		if ending == ".gif" {
			if err := sample.SaveGIF(out, walk, sample.Animation{Delay: 80 * time.Millisecond, PingPong: true}); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), out)
			return err
		}
		return writeGrid(c, out, "", sample.Layout{Title: classFrom + " to " + classTo}, sample.Section{Images: walk})
	}
	return c
}

// end is one end of the walk: a picture from a file, or a sample.
func end(c *cobra.Command, pets *sample.Pets, file, class string, seed uint64) ([]uint8, error) {
	if file != "" {
		return readPicture(file, pets.Size(), pets.Channels(), pets.Dataset().Resize)
	}
	pictures, err := pets.Sample(c.Context(), sample.Options{Class: class, Seed: seed, Temperature: 0.7})
	if err != nil {
		return nil, err
	}
	return sample.ToRGB(pictures[0].Image), nil
}
