package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

func newSample() *cobra.Command {
	var run string
	settings := sampling.Default()
	o := sample.Options{Sampling: &settings}
	var grid layout.Options
	var given []string
	c := &cobra.Command{
		Use:   "sample",
		Short: "Draw new pictures with a trained flow, or new rows of a table",
		Long: `Draw new pictures of a class: the flow samples latents of the class, and the autoencoder decodes
them to pictures. Without --class, every class gets a section of the grid.

Pictures are sorted by their log-density under the flow, the densest first. The densities are
those of the model, so they can be compared between temperatures.

  --temperature  scales the latent noise: below 1 pictures are more typical and less varied;
                 0 always gives the mode of the flow's latent distribution
  --candidates   draws more pictures than are shown, and keeps the densest ones
  --guidance     of a tarflow: classifier-free guidance scale; above 1 pictures are more typical of
                 their class and less varied (1: off)

Started by mpirun, several processes divide the classes, or the pictures of a few classes; see
docs/cluster.md.

From a run of "train density", -n rows are drawn and written as a table: the columns of the density and
those that it is given. Without --given, their cells are those of random rows of the training.
` + composeHelp,
		Example: `  bestiary sample --run runs/pets --class dog -n 16 --out dogs.png
  bestiary sample --run runs/pets -n 8 --temperature 0.7 --seed 3 --out both.png
  bestiary sample --run runs/pets -n 8 --candidates 200 --out densest.png
  bestiary sample --run runs/pets -n 100 --each drawn/ --format webp --json
  bestiary sample --run runs/cutouts -n 8 --compose meadows/ --each scenes/
  bestiary sample --run runs/wine -n 1000 --given kind=red,year=2019 --out new.csv`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	addModelFlag(c)
	device := addDeviceFlags(c)
	addDivideRanks(c)
	c.Flags().StringVar(&o.Class, "class", "", "class to draw (default: every class)")
	c.Flags().IntVarP(&o.N, "n", "n", 16, "pictures of a class, or rows")
	c.Flags().IntVar(&o.Candidates, "candidates", 0, "draw this many and keep the n densest (0: n)")
	c.Flags().Float64Var(&settings.Temperature, "temperature", settings.Temperature, "scale of the latent noise (0: the mode)")
	c.Flags().Float64Var(&settings.Guidance, "guidance", settings.Guidance, "classifier-free guidance scale of a tarflow (1: off)")
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "the same seed gives the same pictures")
	addGridFlags(c, &grid)
	c.Flags().StringSliceVar(&given, "given", nil, "condition of rows: column=cell,…")
	compose := addComposeFlags(c)
	files := addOutputFlags(c, "samples.png", "grid to write; or the table, samples.csv by default")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if isDensity(run) {
			return sampleRows(c, run, device, o, given, files.out)
		}
		if given != nil {
			return usagef("--given: belongs to runs of tables; choose a class with --class")
		}
		if err := checkN(o.N); err != nil {
			return err
		}
		if err := o.Validate(); err != nil {
			return err
		}
		if err := grid.Validate(); err != nil {
			return err
		}
		if err := compose.check(c, files); err != nil {
			return err
		}
		if err := files.check(compose.inputs()...); err != nil {
			return err
		}
		pipeline, err := openFlow(c, run, device)
		if err != nil {
			return err
		}
		if err := compose.open(c, device, pipeline.Dataset(), pipeline.Channels()); err != nil {
			return err
		}
		classes := pipeline.Classes()
		if o.Class != "" {
			classes = []string{o.Class}
		}
		if err := files.checkGrid(grid, compose.side(pipeline.Size()), slices.Repeat([]int{o.N}, len(classes))...); err != nil {
			return err
		}
		if err := compose.prepare(c, o.Seed, o.N*len(classes), pipeline.Size()); err != nil {
			return err
		}
		bar := newBar(c.ErrOrStderr(), "drawing pictures")
		o.Progress = bar.update
		defer bar.finish()
		var made []madePicture
		var densities strings.Builder // printed when the picture is written
		drawn, err := pipeline.SampleClasses(c.Context(), classes, o)
		if err != nil {
			return err
		}
		for k, pictures := range drawn {
			name := classes[k]
			for i, p := range pictures {
				made = append(made, madePicture{
					image: p.Image, name: fmt.Sprintf("%s-%04d", classFile(pipeline, name), i+1),
					Class: name, Index: i, LogDensity: known(p.LogDensity),
				})
			}
			fmt.Fprintf(&densities, "%s: %s, log-density from %.1f to %.1f nats\n",
				name, count(len(pictures), "picture"), pictures[0].LogDensity, pictures[len(pictures)-1].LogDensity)
		}
		bar.finish()
		if err := compose.apply(c, pipeline.Dataset(), o.Seed, made); err != nil {
			return err
		}
		sections := make([]layout.Section, len(classes))
		next := made
		for k, name := range classes {
			sections[k].Title = name
			for _, p := range next[:len(drawn[k])] {
				sections[k].Images = append(sections[k].Images, p.image)
			}
			next = next[len(drawn[k]):]
		}
		return files.write(run, densities.String(), made, gridOf(grid, sections...))
	}
	return c
}

// classFile returns the name of a class in names of files. Names that differ in other characters than letters and digits
// differ by the number of the class.
func classFile(p *sample.Flow, class string) string {
	name := slug(class)
	for _, other := range p.Classes() {
		if other != class && slug(other) == name || other == class && name == "" {
			n, _ := p.Class(class)
			return strings.TrimSuffix(fmt.Sprintf("%d-%s", n+1, name), "-")
		}
	}
	return name
}

// checkN refuses a number of pictures that is not allowed; the library takes 0 for its default.
func checkN(n int) error {
	if n < 1 || n > sample.MaxPictures {
		return usagef("-n %d: must be from 1 to %d", n, sample.MaxPictures)
	}
	return nil
}
