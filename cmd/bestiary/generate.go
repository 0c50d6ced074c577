package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

func newGenerate() *cobra.Command {
	g := &generateFlags{}
	c := &cobra.Command{
		Use:   "generate [PROMPT ...]",
		Short: "Draw what words say, with a trained DALL-E",
		Long: `Draw pictures for prompts: the DALL-E continues each prompt with the codes of a picture, row by row,
and the discrete VAE decodes them. Every prompt gets a row of the grid. A picture depends on the seed,
its prompt and its number alone, so more prompts or a larger -n leave the others as they are.

How codes are drawn:
  --temperature  below 1 gives more typical and less varied pictures, above 1 the opposite
  --top-k        draws each code among the k likeliest only: 1 always takes the likeliest
  --top-p        likewise, among the likeliest that make up this share of the probability
  --guidance     3, say, goes beyond what the prompt alone would give, away from pictures of anything;
                 it takes a model that was trained with --null-prob

With --prime, all pictures begin with the upper part of one and differ below it. With --complete-text,
the model first finishes each caption. With --rank, it draws more pictures than are shown, and
CLIP chooses those that agree best with the prompt.`,
		Example: `  bestiary generate --run runs/birds -n 8 --out grid.png "a small yellow bird with black wings"
  bestiary generate --run runs/birds --prompts prompts.txt --temperature 0.9 --top-k 256 --rank 32
  bestiary generate --run runs/birds --prime photo.png --prime-rows 7 "a bird with a red belly"
  bestiary generate --run runs/birds --complete-text "this bird has"`,
	}
	addRunFlag(c, &g.run)
	g.device = addDeviceFlags(c)
	o := &g.options
	c.Flags().IntVarP(&o.N, "n", "n", 8, "pictures a prompt")
	c.Flags().StringVar(&g.prompts, "prompts", "", "file with more prompts, one a line; - for the standard input")
	c.Flags().Float64Var(&o.Temperature, "temperature", 1, "divides the logits of what is drawn")
	c.Flags().IntVar(&o.TopK, "top-k", 0, "draw among the k likeliest codes (0: all)")
	c.Flags().Float64Var(&o.TopP, "top-p", 0, "draw among the likeliest codes that make up this share of the probability (0: all)")
	c.Flags().Float64Var(&o.Guidance, "guidance", 1, "how far to go from pictures of anything to those of the prompt, and beyond (1: to them)")
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "the same seed gives the same pictures")
	c.Flags().BoolVar(&o.Truncate, "truncate", false, "use the beginning of prompts that are too long for the model")
	c.Flags().StringVar(&g.prime, "prime", "", "picture whose upper part all pictures begin with")
	c.Flags().IntVar(&o.PrimeRows, "prime-rows", 0, "rows of its codes to begin with (0: 7 of 16)")
	c.Flags().StringVar(&g.primeResize, "prime-resize", "", "how it gets the model's size: squash or crop (default: it has that size)")
	c.Flags().IntVar(&o.Rank, "rank", 0, "draw this many a prompt and keep the n that agree best by CLIP (0: n)")
	c.Flags().BoolVar(&g.complete, "complete-text", false, "let the model finish each prompt, and draw the whole caption")
	c.Flags().IntVar(&o.Batch, "batch", 16, "pictures drawn at a time: more are faster and take more memory")
	c.Flags().IntVar(&g.layout.Columns, "columns", 0, "pictures a row of the grid (0: chosen)")
	c.Flags().IntVar(&g.layout.Scale, "scale", 0, "enlarge each pixel to a square of this size (0: chosen)")
	c.Flags().StringVar(&g.out, "out", "generated.png", "picture to write")
	c.Flags().StringVar(&g.codes, "codes", "", "file to write the codes of the pictures to, as JSON (default: none)")
	c.RunE = g.execute
	return c
}

// generateFlags are the flags of generate.
type generateFlags struct {
	run, prompts, prime, primeResize, out, codes string
	complete                                     bool
	device                                       *deviceFlags
	options                                      sample.GenerateOptions
	layout                                       sample.Layout
}

// check refuses what needs no model to be seen wrong.
func (g *generateFlags) check(arguments []string) error {
	o := &g.options
	switch {
	case len(arguments) == 0 && g.prompts == "":
		return usagef("there is no prompt; say what to draw, for example \"a small yellow bird with black wings\", or name a file with --prompts")
	case o.N < 1 || o.N > 10000:
		return usagef("-n %d: draw from 1 to 10000 pictures", o.N)
	case !(o.Temperature > 0) || o.Temperature > 100:
		return usagef("--temperature %v: use a positive number, 1 for the model's own spread, or --top-k 1 for the likeliest codes", o.Temperature)
	case o.TopK < 0:
		return usagef("--top-k %d: use 1 or more, or 0 for all codes", o.TopK)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return usagef("--top-p %v: use a share up to 1, or 0 for all codes", o.TopP)
	case !(o.Guidance > 0) || o.Guidance > 1000:
		return usagef("--guidance %v: use a positive number such as 3, or 1 for none", o.Guidance)
	case o.Rank != 0 && (o.Rank < o.N || o.Rank > 1_000_000):
		return usagef("--rank %d: draw at least the -n %d that are kept, and at most 1000000", o.Rank, o.N)
	case g.prime == "" && (o.PrimeRows != 0 || g.primeResize != ""):
		return usagef("--prime-rows and --prime-resize belong to --prime; name the picture to begin with")
	case o.PrimeRows < 0:
		return usagef("--prime-rows %d: use 1 or more, or 0 for 7 of 16", o.PrimeRows)
	case g.primeResize != "" && g.primeResize != string(data.Squash) && g.primeResize != string(data.CenterCrop):
		return usagef("--prime-resize %s: choose squash or crop", g.primeResize)
	case o.Batch < 1 || o.Batch > 1024:
		return usagef("--batch %d: draw from 1 to 1024 pictures at a time", o.Batch)
	case g.layout.Columns < 0:
		return usagef("--columns %d: use 1 or more, or 0 to have it chosen", g.layout.Columns)
	case g.layout.Scale < 0:
		return usagef("--scale %d: use 1 or more, or 0 to have it chosen", g.layout.Scale)
	}
	for i, prompt := range arguments {
		if strings.TrimSpace(prompt) == "" {
			return usagef("prompt %d is empty; say what to draw", i+1)
		}
	}
	if g.codes != "" {
		if err := checkWritable("--codes", g.codes); err != nil {
			return err
		}
	}
	return checkPNG(g.out)
}

func (g *generateFlags) execute(c *cobra.Command, arguments []string) error {
	if err := g.check(arguments); err != nil {
		return err
	}
	prompts, err := readPrompts(c, arguments, g.prompts)
	if err != nil {
		return err
	}
	birds, err := openBirds(g.run, g.device)
	if err != nil {
		return err
	}
	o := g.options
	for _, p := range prompts {
		o.Prompts = append(o.Prompts, p.text)
	}
	if err := checkGrid(g.out, g.layout, birds.Size(), slices.Repeat([]int{o.N}, len(prompts))...); err != nil {
		return err
	}
	if g.prime != "" {
		if o.Prime, err = readPrime(birds, g.prime, g.primeResize); err != nil {
			return err
		}
	}
	if o.Guidance != 1 && !birds.Guidable() {
		fmt.Fprintf(c.ErrOrStderr(), "the model was trained with captions only (--null-prob 0), so --guidance %v may not help\n", o.Guidance)
	}
	if g.complete {
		if err := g.completeText(c, birds, prompts, o.Prompts); err != nil {
			return err
		}
		o.Truncate = true // a caption that was completed may have more tokens than it was made of
	}
	bar := newBar(c.ErrOrStderr(), "drawing rows")
	o.Rows = func(r sample.Rows) { bar.update(r.Done, r.Total) }
	pictures, err := birds.Generate(c.Context(), o)
	bar.finish()
	if err != nil {
		return locate(err, prompts)
	}
	if g.codes != "" {
		if err := saveCodes(g.codes, birds.Grid(), pictures); err != nil {
			return err
		}
	}
	sections, told := g.arrange(o.Prompts, pictures)
	if g.codes != "" {
		told += g.codes + "\n"
	}
	return writeGrid(c, g.out, told, g.layout, sections...)
}

// completeText replaces prompts by the captions that the model makes of them.
func (g *generateFlags) completeText(c *cobra.Command, birds *sample.Birds, prompts []prompt, texts []string) error {
	o := sample.CompleteOptions{Seed: g.options.Seed, Temperature: g.options.Temperature, TopK: g.options.TopK, TopP: g.options.TopP}
	for i, beginning := range texts {
		whole, err := birds.CompleteText(c.Context(), beginning, o)
		if err != nil {
			return locate(&sample.PromptError{Prompt: i, Err: err}, prompts)
		}
		texts[i] = whole[0]
	}
	return nil
}

// arrange makes a section of the pictures of each prompt, and says what was drawn.
func (g *generateFlags) arrange(prompts []string, pictures []sample.Generated) (sections []sample.Section, told string) {
	for _, text := range prompts {
		section := sample.Section{Title: text}
		lowest, highest := math.Inf(1), math.Inf(-1)
		for _, p := range pictures[:g.options.N] {
			section.Images = append(section.Images, p.Image)
			lowest, highest = min(lowest, p.Score), max(highest, p.Score)
		}
		told += fmt.Sprintf("%q: %s", text, count(g.options.N, "picture"))
		if !math.IsNaN(highest) {
			told += fmt.Sprintf(", CLIP score from %.3f to %.3f", highest, lowest)
		}
		told += "\n"
		sections, pictures = append(sections, section), pictures[g.options.N:]
	}
	return sections, told
}

// saveCodes writes the codes of pictures, a grid row by row.
func saveCodes(path string, grid int, pictures []sample.Generated) error {
	type entry struct {
		Prompt string   `json:"prompt"`
		Index  int      `json:"index"`
		Score  *float64 `json:"score,omitempty"` // by CLIP, where there is one
		Rows   int      `json:"rows"`
		Codes  []int32  `json:"codes"`
	}
	all := make([]entry, len(pictures))
	for i, p := range pictures {
		all[i] = entry{Prompt: p.Prompt, Index: p.Index, Rows: grid, Codes: p.Codes}
		if !math.IsNaN(p.Score) {
			all[i].Score = &p.Score
		}
	}
	return atomicfile.Write(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(all) })
}
