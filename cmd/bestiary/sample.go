package main

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// addRunFlag adds --run, which must be given.
func addRunFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "run", "", "run folder, as made by bestiary train (required)")
}

// openPets loads the models of --run.
func openPets(dir string, device *deviceFlags) (*sample.Pets, error) {
	if dir == "" {
		return nil, usagef("--run is missing: name the run folder, for example --run runs/pets")
	}
	d, err := device.open()
	if err != nil {
		return nil, err
	}
	return sample.OpenPets(dir, d)
}

// checkPNG refuses other endings before any work is done.
func checkPNG(out string) error {
	if ext := strings.ToLower(filepath.Ext(out)); ext != ".png" {
		return usagef("--out %s: pictures are written as PNG; let the name end in .png", out)
	}
	return checkWritable("--out", out)
}

// checkWritable refuses a file that couldn't be written, before any work is done.
func checkWritable(flag, file string) error {
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return fmt.Errorf("%s %s: there is no folder %s; make it first", flag, file, filepath.Dir(file))
	}
	return atomicfile.Check(file)
}

// checkGrid refuses a grid that couldn't be drawn of so many square pictures, before they are made.
func checkGrid(out string, layout sample.Layout, size int, counts ...int) error {
	if err := layout.Check(image.Pt(size, size), counts...); err != nil {
		return usagef("--out %s: %w", out, err)
	}
	return nil
}

func newSample() *cobra.Command {
	var run, class, out string
	var o sample.Options
	var layout sample.Layout
	c := &cobra.Command{
		Use:   "sample",
		Short: "Draw new pictures with a trained flow",
		Long: `Draw new pictures: the flow samples embeddings of a class, the autoencoder decodes them.

Pictures are ranked by their density under the flow, the most probable first. A temperature
below 1 gives more typical and less varied ones. With --candidates, more are drawn than shown
and the most probable are kept. Without --class, every class gets a row.`,
		Example: `  bestiary sample --run runs/pets --class dog -n 16 --out dogs.png
  bestiary sample --run runs/pets -n 8 --temperature 0.7 --seed 3 --out both.png`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	device := addDeviceFlags(c)
	c.Flags().StringVar(&class, "class", "", "class to draw (default: each)")
	c.Flags().IntVarP(&o.N, "n", "n", 16, "pictures a class")
	c.Flags().IntVar(&o.Candidates, "candidates", 0, "draw this many and keep the n most probable (0: n)")
	c.Flags().Float64Var(&o.Temperature, "temperature", 1, "scale of the latent noise")
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "the same seed gives the same pictures")
	c.Flags().IntVar(&layout.Columns, "columns", 0, "pictures a row of the grid (0: chosen)")
	c.Flags().IntVar(&layout.Scale, "scale", 0, "enlarge each pixel to a square of this size (0: chosen)")
	c.Flags().StringVar(&out, "out", "samples.png", "picture to write")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if o.N < 1 || o.N > 10000 {
			return usagef("-n %d: draw from 1 to 10000 pictures", o.N)
		}
		if !(o.Temperature > 0) || o.Temperature > 100 {
			return usagef("--temperature %v: use a positive number, 1 for the model's own spread", o.Temperature)
		}
		if o.Candidates != 0 && (o.Candidates < o.N || o.Candidates > 1_000_000) {
			return usagef("--candidates %d: draw at least the -n %d that are shown, and at most 1000000", o.Candidates, o.N)
		}
		if layout.Columns < 0 {
			return usagef("--columns %d: use 1 or more, or 0 to have it chosen", layout.Columns)
		}
		if layout.Scale < 0 {
			return usagef("--scale %d: use 1 or more, or 0 to have it chosen", layout.Scale)
		}
		if err := checkPNG(out); err != nil {
			return err
		}
		pets, err := openPets(run, device)
		if err != nil {
			return err
		}
		classes := pets.Classes()
		if class != "" {
			classes = []string{class}
		}
		if err := checkGrid(out, layout, pets.Size(), slices.Repeat([]int{o.N}, len(classes))...); err != nil {
			return err
		}
		var sections []sample.Section
		var densities strings.Builder // told once the picture is written
		for _, name := range classes {
			o.Class = name
			pictures, err := pets.Sample(c.Context(), o)
			if err != nil {
				return err
			}
			section := sample.Section{Title: name}
			for _, p := range pictures {
				section.Images = append(section.Images, p.Image)
			}
			sections = append(sections, section)
			fmt.Fprintf(&densities, "%s: %s, log-density from %.1f to %.1f nats\n",
				name, count(len(pictures), "picture"), pictures[0].LogDensity, pictures[len(pictures)-1].LogDensity)
		}
		return writeGrid(c, out, densities.String(), layout, sections...)
	}
	return c
}

// count is "1 picture" or "2 pictures".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// writeGrid writes a grid, and then tells figures and where it is.
func writeGrid(c *cobra.Command, out, figures string, layout sample.Layout, sections ...sample.Section) error {
	grid, err := sample.Grid(layout, sections...)
	if err != nil {
		return err
	}
	if err := sample.SavePNG(out, grid); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s%s\n", figures, out)
	return err
}
