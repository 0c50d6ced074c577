package main

import (
	"encoding/json"
	"fmt"
	"image"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// compareFlags are the flags of compare.
type compareFlags struct {
	*qualityFlags
	out, json string
	prompts   []string
	file      string
	n         int
	pictures  *dataFlags
	device    *deviceFlags
}

func newCompare() *cobra.Command {
	f := &compareFlags{}
	c := &cobra.Command{
		Use:   "compare RUN RUN ...",
		Short: "Put the generators of several runs side by side: pictures and figures",
		Long: `Draw pictures with the generators of several runs for the same classes or prompts and with the same
seed, write them to one grid, the first ones without choosing, and print a table of the figures of
"bestiary eval", with 95 % intervals and with what real photos reach. RUN:MODEL names one of several
generators of a run.

The held-out and the training pictures are those of the first run, or of --data. docs/measures.md
explains the figures.`,
		Example: `  bestiary compare runs/notebook runs/pets --classifier runs/judge --out compare.png
  bestiary compare runs/birds:dalle runs/birds:rectified --samples 200 --clip runs/clip --json figures.json
  bestiary compare runs/a runs/b --prompt "a small yellow bird with black wings"`,
	}
	f.pictures = addDataFlags(c, data.Test)
	f.pictures.anyPath(c)
	c.Flags().Lookup("data").Usage += " (default: those of the first run)"
	f.device = addDeviceFlags(c)
	f.pictures.device = f.device
	f.qualityFlags = addQualityFlags(c)
	c.Flags().IntVarP(&f.n, "n", "n", 8, "pictures of each class, or prompts, in the grid")
	c.Flags().StringArrayVar(&f.prompts, "prompt", nil, "prompt of the grid (repeatable; default: captions of held-out pictures)")
	c.Flags().StringVar(&f.file, "prompts", "", "file with more prompts, one on each line; - is the standard input")
	c.Flags().StringVar(&f.out, "out", "compare.png", "picture to write")
	c.Flags().StringVar(&f.json, "json", "", "file to write the figures to as JSON; - prints them instead of the table (default: none)")
	c.RunE = f.execute
	return c
}

func (f *compareFlags) execute(c *cobra.Command, runs []string) error {
	if len(runs) == 0 {
		return usagef("compare takes the run folders to compare, such as runs/a runs/b; see %s --help", c.CommandPath())
	}
	if err := checkN(f.n); err != nil {
		return err
	}
	if err := f.check(f.device); err != nil {
		return err
	}
	if err := checkPNG(f.out); err != nil {
		return err
	}
	if f.json != "" && f.json != "-" {
		if err := checkReplaces("--json", f.json, figuresStart, "figures"); err != nil {
			return err
		}
	}
	prompts, err := readPrompts(c, f.prompts, f.file)
	if err != nil {
		return err
	}
	generators, err := f.open(c, runs, len(prompts) == 0)
	if err != nil {
		return err
	}
	if g := generators[0]; g.Classes != nil && len(prompts) > 0 {
		return usagef("--prompt: %s draws pictures of %s, not for prompts; leave it out", g.Run, strings.Join(g.Classes, ", "))
	}
	heldOut, training, err := f.sets(c, generators)
	if err != nil {
		return err
	}
	o, err := f.options(c, f.device, generators...)
	if err != nil {
		return err
	}
	for i := 0; i < len(generators) && o.CLIP == nil; i++ {
		d, err := f.device.open()
		if err != nil {
			return err
		}
		if o.CLIP, err = ownCLIP(c.Context(), generators[i], d); err != nil {
			return err
		}
	}
	reference, err := eval.NewReference(c.Context(), heldOut, training, o)
	if err != nil {
		return err
	}
	if err := f.grid(c, generators, heldOut, prompts); err != nil {
		return err
	}
	var all []*eval.Quality
	for _, g := range generators {
		fmt.Fprintf(c.ErrOrStderr(), "%s (%s):\n", g.Run, g.Model)
		q, err := reference.Measure(c.Context(), g)
		if err != nil {
			return fmt.Errorf("%s: %w", g.Run, err)
		}
		notMeasured(c, o, g, q)
		all = append(all, q)
	}
	return f.print(c, all)
}

// print prints the table and writes the figures as JSON.
func (f *compareFlags) print(c *cobra.Command, all []*eval.Quality) error {
	text, err := json.MarshalIndent(map[string]any{"runs": all}, "", "  ")
	if err != nil {
		return fmt.Errorf("some figures are not finite numbers (%w); the models have diverged, train them again", err)
	}
	text = append(text, '\n')
	if f.json == "-" {
		_, err := c.OutOrStdout().Write(text)
		return err
	}
	if f.json != "" {
		if err := atomicfile.WriteBytes(f.json, text); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s%s\n", eval.Table(all...), f.out)
	return err
}

// open loads the generators. All of them draw for prompts, or all of them pictures of the first one's classes, as those do, too,
// whose prompts are classes, unless there are other prompts.
func (f *compareFlags) open(c *cobra.Command, runs []string, byClass bool) (all []*sample.Generator, err error) {
	d, err := f.device.open()
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		g, err := openNamedGenerator(c.Context(), run, d)
		if err != nil {
			return nil, err
		}
		if byClass {
			g = g.ForClasses()
		}
		f.adapt(c, g, true)
		if len(all) > 0 && (g.Classes == nil) != (all[0].Classes == nil) {
			return nil, usagef("%s: can't be compared with %s, as one draws pictures of classes and the other for prompts; compare runs of one kind", g.Run, all[0].Run)
		}
		all = append(all, g)
	}
	return all, nil
}

// sets loads the held-out and the training pictures.
func (f *compareFlags) sets(c *cobra.Command, generators []*sample.Generator) (heldOut, training *data.Dataset, err error) {
	p, first := f.pictures, generators[0]
	shown := first.Data
	p.captions = first.Classes == nil
	p.like(shown)
	p.channels = first.Channels
	for _, g := range generators {
		p.notTrainedOn(c, g.Data)
		if !samePath(shown, g.Data) || shown.Part != g.Data.Part || shown.Split != g.Data.Split {
			fmt.Fprintf(c.ErrOrStderr(), "%s: was trained on other pictures than %s, so its copies are not found\n", g.Run, first.Run)
		}
	}
	if heldOut, err = p.load(c, first.Size, data.Split(p.split)); err != nil || data.Split(p.split) != data.Test {
		return heldOut, nil, err
	}
	training, err = p.loadPart(c, first.Size, data.Trainval, shown.Part)
	return heldOut, training, err
}

// maxClasses is the largest number of classes in a grid.
const maxClasses = 6

// grid draws the first pictures of every generator for the same classes or prompts.
func (f *compareFlags) grid(c *cobra.Command, generators []*sample.Generator, heldOut *data.Dataset, prompts []prompt) error {
	var rows [][]sample.Request // each a row of every generator
	var titles []string
	var captions []string
	if classes := generators[0].Classes; classes != nil {
		for _, class := range classes[:min(maxClasses, len(classes))] {
			requests, err := generators[0].ClassRequests(slices.Repeat([]string{class}, f.n)...)
			if err != nil {
				return err
			}
			rows, titles = append(rows, requests), append(titles, ", "+class)
		}
		if len(classes) > maxClasses {
			fmt.Fprintf(c.ErrOrStderr(), "the grid has the first %d of %d classes\n", maxClasses, len(classes))
		}
	} else {
		var requests []sample.Request
		for _, p := range prompts {
			requests, captions = append(requests, sample.Request{Prompt: p.text}), append(captions, p.text)
		}
		for i := 0; len(prompts) == 0 && i < min(f.n, heldOut.Len()); i++ {
			from := i * heldOut.Len() / min(f.n, heldOut.Len())
			text := heldOut.Captions[from][data.Choose(0, 0, from, len(heldOut.Captions[from]))]
			requests, captions = append(requests, sample.Request{Prompt: text}), append(captions, text)
		}
		rows, titles = [][]sample.Request{requests}, []string{""}
	}
	images := make([][][]*image.NRGBA, len(generators)) // [generator][row]
	for i, g := range generators {
		for k, requests := range rows {
			if g.Classes != nil {
				var err error
				if requests, err = g.ClassRequests(slices.Repeat([]string{generators[0].Classes[k]}, f.n)...); err != nil {
					return fmt.Errorf("%s: %w", g.Run, err)
				}
			}
			drawn, err := g.Draw(c.Context(), requests, sample.DrawOptions{Seed: f.seed, Sampling: &f.sampling, Solving: f.solving})
			if err != nil {
				return fmt.Errorf("%s: %w", g.Run, err)
			}
			images[i] = append(images[i], drawn)
		}
	}
	columns := min(f.n, 8)
	var sections []layout.Section
	for k, title := range titles {
		var row []layout.Section
		for i, g := range generators {
			s := layout.Section{Title: fmt.Sprintf("%s (%s)%s", g.Run, g.Model, title), Images: images[i][k]}
			if captions != nil && i == len(generators)-1 {
				s.Captions = captions
			}
			row = append(row, s)
		}
		sections = append(sections, layout.Interleave(columns, row...)...)
	}
	grid, err := layout.Grid(layout.Options{Columns: columns}, sections...)
	if err != nil {
		return err
	}
	return layout.SavePNG(f.out, grid)
}
