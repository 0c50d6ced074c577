package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newGenerate() *cobra.Command {
	g := &generateFlags{sampling: sampling.Default()}
	c := &cobra.Command{
		Use:   "generate [PROMPT ...]",
		Short: "Draw pictures for prompts with a trained text-to-image model",
		Long: `Draw pictures for prompts with the generator of the run, which --model chooses if there are several:

  dalle      continues each prompt with the codes of a picture, row by row
  maskgit    samples all codes at once, and again in --steps passes those that it is least sure of
  rectified  solves the differential equation of a rectified flow from noise to a latent

The run's autoencoder decodes the codes or latents. Every prompt gets a section of the grid. A picture
depends on the seed, its prompt and its number only, so more prompts or a larger -n leave the
other pictures as they are.

How pictures are sampled:
  --temperature  divides the logits of codes: below 1 pictures are more typical, above 1 more varied;
                 0 is greedy, it always takes the most probable code
  --top-k        samples among the k most probable codes only
  --top-p        nucleus sampling: samples among the most probable codes that make up this share
                 of the probability
  --guidance     classifier-free guidance scale: above 1 pictures follow the prompt more closely;
                 the model must have been trained with --null-prob
  --steps        passes of maskgit, or steps of rectified's --solver: more take longer and are better
  --choice       maskgit: above 0 also keeps codes that it is less sure of, for more variety

A rectified flow has no codes, so it can't use --temperature, --top-k, --top-p and --choice.

Started by mpirun, several processes divide the batches; see docs/cluster.md.

With --prime, all pictures begin with the upper part of a given one; with --repaint, they keep all of it
but a rectangle, which is drawn anew (maskgit and rectified). With --rank, CLIP reranks: the model draws
more pictures than are shown, and those with the highest score are kept. With --complete-text, a dalle
first completes each prompt to a caption. --previews writes the pictures while they are drawn, as a grid
after each row of a dalle, pass of maskgit or step of rectified; "bestiary serve" sends these to programs.
` + composeHelp,
		Example: `  bestiary generate --run runs/birds -n 8 --out grid.png "a small yellow bird with black wings"
  bestiary generate --run runs/birds --prompts prompts.txt --temperature 0.9 --top-k 256 --rank 32
  bestiary generate --run runs/birds --prime photo.png --prime-rows 7 "a bird with a red belly"
  bestiary generate --run runs/birds --model rectified --solver heun --steps 10 --guidance 3 "a yellow bird"
  bestiary generate --run runs/birds --prime photo.png --repaint 16,0,32,32 "a bird with a red crown"
  bestiary generate --run runs/birds --previews drawing/ "a small yellow bird"
  bestiary generate --run runs/birds --complete-text "this bird has"
  bestiary generate --run runs/birds -n 50 --each drawn/ --json "a small yellow bird"
  bestiary generate --run runs/birds -n 1 --each - "a small yellow bird" > bird.png`,
	}
	addRunFlag(c, &g.run)
	g.device = addDeviceFlags(c)
	addDivideRanks(c)
	o, s := &g.options, &g.sampling
	c.Flags().IntVarP(&o.N, "n", "n", 8, "pictures for a prompt")
	c.Flags().StringVar(&g.prompts, "prompts", "", "file with more prompts, one on each line; - is the standard input")
	c.Flags().StringVar(&o.Model, "model", "", "which generator draws: dalle, maskgit or rectified (default: the only one of the run)")
	c.Flags().Float64Var(&s.Temperature, "temperature", s.Temperature, "divides the logits of the codes (0: greedy)")
	c.Flags().IntVar(&s.TopK, "top-k", s.TopK, "sample among the k most probable codes (0: all)")
	c.Flags().Float64Var(&s.TopP, "top-p", s.TopP, "nucleus sampling: sample among the most probable codes with this share of the probability (0: all)")
	c.Flags().Float64Var(&s.Guidance, "guidance", s.Guidance, "classifier-free guidance scale (1: off; default: 1 of dalle, 2 of maskgit, 3 of rectified)")
	c.Flags().Lookup("guidance").DefValue = "0" // not shown
	c.Flags().IntVar(&o.Steps, "steps", 0, "passes of maskgit, or steps of rectified's solver (0: 12)")
	c.Flags().Float64Var(&g.choice, "choice", maskgit.DefaultOptions().Choice, "maskgit: temperature of the noise on the confidence of codes")
	c.Flags().StringVar(&o.Solver, "solver", "", "rectified: euler, heun, adams or adaptive (default heun)")
	c.Flags().Float64Var(&o.Tolerance, "tolerance", 0, "rectified with --solver adaptive: largest error of a step (0: 0.01)")
	addGuidanceTimes(c, &o.GuidanceFrom, &o.GuidanceTo)
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "the same seed gives the same pictures")
	c.Flags().BoolVar(&o.Truncate, "truncate", false, "cut prompts that are too long for the model")
	c.Flags().StringVar(&g.prime, "prime", "", "picture whose upper part begins all pictures")
	c.Flags().IntVar(&o.PrimeRows, "prime-rows", 0, "rows of codes or latents to take from --prime (0: 7 of every 16)")
	c.Flags().IntSliceVar(&g.repaint, "repaint", nil, "rectangle of --prime that is drawn anew while the rest is kept: X,Y,WIDTH,HEIGHT in pixels")
	c.Flags().StringVar(&g.primeResize, "prime-resize", "", "how --prime is resized to the model's size: crop (its centre, the default) or squash")
	c.Flags().IntVar(&o.Candidates, "rank", 0, "draw this many for each prompt and keep the n with the highest CLIP score (0: n)")
	c.Flags().BoolVar(&g.complete, "complete-text", false, "complete each prompt to a caption first")
	c.Flags().IntVar(&o.Batch, "batch", 16, "pictures drawn together: more are faster and take more memory")
	c.Flags().StringVar(&g.previews.folder, "previews", "", "folder to write the pictures to while they are drawn: a grid after each row, pass or step (default: none)")
	addGridFlags(c, &g.layout)
	g.compose = addComposeFlags(c)
	g.files = addOutputFlags(c, "generated.png", "grid to write")
	c.Flags().StringVar(&g.codes, "codes", "", "file to write the codes of the pictures to, as JSON (default: none)")
	c.RunE = g.execute
	return c
}

// generateFlags are the flags of generate.
type generateFlags struct {
	run, prompts, prime, primeResize, codes string
	complete                                bool
	choice                                  float64
	repaint                                 []int
	device                                  *deviceFlags
	files                                   *pictureOutput
	compose                                 *composeFlags
	previews                                previews
	options                                 sample.GenerateOptions
	sampling                                sampling.Options
	layout                                  layout.Options
}

func (g *generateFlags) execute(c *cobra.Command, arguments []string) error {
	if err := g.check(c, arguments); err != nil {
		return err
	}
	prompts, err := readPrompts(c, arguments, g.prompts)
	if err != nil {
		return err
	}
	pipeline, err := openTextToImage(c, g.run, g.device)
	if err != nil {
		return err
	}
	if err := g.choose(c, pipeline); err != nil {
		return err
	}
	trained := g.trained(pipeline)
	if err := g.compose.open(c, g.device, trained, pipeline.Channels()); err != nil {
		return err
	}
	o := g.options
	for _, p := range prompts {
		o.Prompts = append(o.Prompts, p.text)
	}
	if err := g.files.checkGrid(g.layout, g.compose.side(pipeline.Size()), slices.Repeat([]int{o.N}, len(prompts))...); err != nil {
		return err
	}
	if err := g.compose.prepare(c, o.Seed, o.N*len(prompts), pipeline.Size()); err != nil {
		return err
	}
	if g.prime != "" {
		if o.Prime, err = readPrime(c, pipeline, g.prime, g.primeResize); err != nil {
			return err
		}
	}
	if g.sampling.Guidance != 1 && !pipeline.Guidable(o.Model) {
		fmt.Fprintf(c.ErrOrStderr(), "the model was trained with captions only (--null-prob 0), so --guidance %v may not help\n", g.sampling.Guidance)
	}
	if g.sampling.Temperature == 0 && max(o.N, o.Candidates) > 1 {
		fmt.Fprintln(c.ErrOrStderr(), "--temperature 0 is greedy: all pictures of a prompt are the same")
	}
	if g.complete {
		if err := g.completeText(c, pipeline, prompts, o.Prompts); err != nil {
			return err
		}
		o.Truncate = true // encoding a completed caption again may give more tokens than were generated
	}
	g.idleRanks(c, len(prompts))
	bar := newBar(c.ErrOrStderr(), "drawing")
	if g.previews.layout = g.layout; !leads(c) {
		g.previews.folder = "" // of several ranks, the first writes
	}
	o.Rows = func(r sample.Rows) {
		bar.update(r.Done, r.Total)
		g.previews.write(c.Context(), r)
	}
	pictures, err := pipeline.Generate(c.Context(), o)
	bar.finish()
	err = cmp.Or(err, g.previews.err)
	if err != nil {
		return locate(err, prompts)
	}
	if g.codes != "" && leads(c) {
		if err := saveCodes(g.codes, pipeline.Grid(), pictures); err != nil {
			return err
		}
	}
	made := g.made(pipeline.Grid(), o.Prompts, pictures)
	if err := g.compose.apply(c, trained, o.Seed, made); err != nil {
		return err
	}
	for i, p := range made {
		pictures[i].Image = p.image
	}
	sections, figures := g.arrange(o.Prompts, pictures)
	for _, also := range []string{g.codes, g.previews.folder} {
		if also != "" {
			figures += also + "\n"
		}
	}
	return g.files.write(g.run, figures, made, gridOf(g.layout, sections...))
}

// trained describes the pictures that the generator was trained on, or else those of its codec.
func (g *generateFlags) trained(pipeline *sample.TextToImage) data.Description {
	var how tasks.CaptionOptions
	if r, err := runfolder.Open(g.run); err == nil && r.Options(g.options.Model, &how) == nil && how.Data.Path != "" { // imported models have none
		return how.Data
	}
	return pipeline.Dataset()
}

// choose checks that the run has the generator, and completes the options of sampling with its defaults.
func (g *generateFlags) choose(c *cobra.Command, pipeline *sample.TextToImage) error {
	o := &g.options
	if err := pipeline.RequireGenerator(o.Model); err != nil {
		return err
	}
	if o.Model == "" {
		o.Model = pipeline.Generators()[0]
	}
	own, err := pipeline.DefaultSampling(o.Model)
	if err != nil {
		return err
	}
	if !c.Flags().Changed("guidance") {
		g.sampling.Guidance = own.Guidance
	}
	o.Sampling = &g.sampling
	switch {
	case g.complete && o.Model != models.DALLE.Name:
		return usagef("--complete-text: takes a dalle, and a %s doesn't generate text; leave it out", o.Model)
	case g.codes != "" && o.Model == models.Rectified.Name:
		return usagef("--codes: a %s generates no codes; leave it out", o.Model)
	}
	return nil
}
