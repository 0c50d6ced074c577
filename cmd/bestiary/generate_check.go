package main

import (
	"image"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// check refuses wrong flags before the models are loaded.
func (g *generateFlags) check(c *cobra.Command, arguments []string) error {
	o := &g.options
	switch n := len(g.repaint); {
	case n == 0:
	case n != 4 || g.repaint[2] < 1 || g.repaint[3] < 1:
		return usagef("--repaint: must be X,Y,WIDTH,HEIGHT in pixels, such as 16,0,32,32")
	case g.prime == "":
		return usagef("--repaint needs --prime; name the picture of which it is a part")
	case o.PrimeRows != 0:
		return usagef("--repaint and --prime-rows exclude each other; leave out one of them")
	default:
		o.Repaint = image.Rect(g.repaint[0], g.repaint[1], g.repaint[0]+g.repaint[2], g.repaint[1]+g.repaint[3])
	}
	if c.Flags().Changed("choice") {
		o.Choice = &g.choice
	}
	switch {
	case len(arguments) == 0 && g.prompts == "":
		return usagef("there is no prompt; say what to draw, for example \"a small yellow bird with black wings\", or name a file with --prompts")
	case g.prime == "" && (o.PrimeRows != 0 || g.primeResize != ""):
		return usagef("--prime-rows and --prime-resize need --prime; name the picture to begin with")
	case o.PrimeRows < 0:
		return usagef("--prime-rows %d: must be 1 or more, or 0 for 7 of 16", o.PrimeRows)
	case g.primeResize != "" && g.primeResize != string(data.Squash) && g.primeResize != string(data.CenterCrop):
		return usagef("--prime-resize %s: must be squash or crop", g.primeResize)
	case o.Batch < 1:
		return usagef("--batch %d: must be from 1 to %d", o.Batch, sample.MaxBatch)
	}
	for i, prompt := range arguments {
		if strings.TrimSpace(prompt) == "" {
			return usagef("prompt %d is empty; say what to draw", i+1)
		}
	}
	if err := checkN(o.N); err != nil {
		return err
	}
	limits := *o
	limits.Prompts, limits.PrimeRows, limits.Repaint = []string{"any"}, 0, image.Rectangle{} // they are read later
	limits.Sampling = &g.sampling
	if err := limits.Validate(); err != nil {
		return err
	}
	if err := g.layout.Validate(); err != nil {
		return err
	}
	if g.codes != "" && leads(c) {
		if err := checkReplaces("--codes", g.codes, codesStart, "codes"); err != nil {
			return err
		}
		if g.codes == g.files.out || sameFile(g.codes, g.files.out) {
			return usagef("--codes %s: is also --out; choose another name", g.codes)
		}
	}
	if g.previews.folder != "" && leads(c) {
		if err := checkFolder("--previews", g.previews.folder); err != nil {
			return err
		}
		if g.prime != "" && sameFile(filepath.Dir(g.prime), g.previews.folder) {
			return usagef("--previews %s: holds %s, which the command reads; choose another folder", g.previews.folder, g.prime)
		}
	}
	if err := g.compose.check(c, g.files); err != nil {
		return err
	}
	return g.files.check(append(g.compose.inputs(), g.prime)...)
}
