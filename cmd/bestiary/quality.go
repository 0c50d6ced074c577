package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// qualityFlags are the flags of commands that measure generated pictures.
type qualityFlags struct {
	classifiers     []string
	detector        string
	least           float64
	inception, clip string
	samples         int
	seed            uint64
	sampling        sampling.Options
	solving         sample.Solving
}

func addQualityFlags(c *cobra.Command) *qualityFlags {
	q := &qualityFlags{sampling: sampling.Default()}
	c.Flags().StringArrayVar(&q.classifiers, "classifier", nil, "run with a classifier that judges the pictures; the features of the first compare them with photos (repeatable)")
	c.Flags().StringVar(&q.detector, "detector", "", "run with a detector: in how many pictures does it find an object?")
	addMinScore(c, &q.least, "least score of an object that a detector finds")
	c.Flags().StringVar(&q.inception, "inception", "", "weights of Inception-v3 in the layout of pytorch-fid or torchvision: compare in its features (FID)")
	c.Flags().StringVar(&q.clip, "clip", "", "run with a CLIP that finds the prompts of generated pictures among 100 (default: that of the run)")
	c.Flags().IntVar(&q.samples, "samples", 0, "pictures to draw and to compare with photos (0: as many as are held out, at most 2,000)")
	c.Flags().Uint64Var(&q.seed, "seed", 0, "seed of the samples that are measured")
	c.Flags().Float64Var(&q.sampling.Temperature, "temperature", q.sampling.Temperature, "temperature of the samples")
	c.Flags().Float64Var(&q.sampling.Guidance, "guidance", q.sampling.Guidance, "classifier-free guidance scale of the samples (1: off; default: 1 of dalle and tarflow, 2 of maskgit, 3 of rectified)")
	c.Flags().Lookup("guidance").DefValue = "0" // not shown
	c.Flags().IntVar(&q.solving.Steps, "steps", 0, "steps of a rectified flow's --solver, or passes of maskgit (0: the default of generate)")
	c.Flags().StringVar(&q.solving.Solver, "solver", "", "rectified: euler, heun, adams or adaptive (default heun)")
	addGuidanceTimes(c, &q.solving.GuidanceFrom, &q.solving.GuidanceTo)
	return q
}

// asked reports whether a flag asks for measures of samples that take long.
func (q *qualityFlags) asked(c *cobra.Command) bool {
	return len(q.classifiers) > 0 || q.detector != "" || q.inception != "" || q.clip != "" || c.Flags().Changed("samples")
}

// measured are the options without what judges the pictures.
func (q *qualityFlags) measured() eval.QualityOptions {
	return eval.QualityOptions{Samples: q.samples, Seed: q.seed, Sampling: &q.sampling, Solving: q.solving, DetectorScore: q.least}
}

// addGuidanceTimes adds the flags for the times between which a rectified flow is guided.
func addGuidanceTimes(c *cobra.Command, from, to *float64) {
	c.Flags().Float64Var(from, "guidance-from", 0, "rectified: guide down to this time only, of times from 1, which is noise, to 0")
	c.Flags().Float64Var(to, "guidance-to", 0, "rectified: guide from this time on only, such as 0.8: pictures differ more (0: from the beginning)")
}

// check refuses wrong flags before the runs are opened.
func (q *qualityFlags) check(device *deviceFlags) error {
	o := q.measured()
	for _, err := range []error{checkMinScore(q.least), o.Validate(), q.sampling.Validate()} {
		if err != nil {
			return err
		}
	}
	return device.check()
}

// options opens what judges the pictures of generators. It warns if a classifier has seen pictures that a generator was
// trained on.
func (q *qualityFlags) options(c *cobra.Command, device *deviceFlags, generators ...*sample.Generator) (o eval.QualityOptions, err error) {
	o = q.measured()
	if err := o.Validate(); err != nil {
		return o, err
	}
	if c.Flags().Changed("min-score") && q.detector == "" {
		return o, usagef("--min-score: needs --detector; leave it out")
	}
	d, err := device.open()
	if err != nil {
		return o, err
	}
	for _, dir := range q.classifiers {
		j, err := eval.OpenJudge(c.Context(), dir, d)
		var missing *fault.Missing
		if errors.As(err, &missing) {
			return o, fmt.Errorf("--classifier %s: has no trained classifier; make one with \"bestiary train classifier --data PICTURES --out RUN\"", dir)
		}
		if err != nil {
			return o, err
		}
		for _, g := range generators {
			if j.Size() != g.Size || j.Channels() != g.Channels {
				return o, usagef("--classifier %s: reads pictures of %d pixels with %d channels, and %s draws %d with %d; train one for these with \"bestiary train classifier --image-size %d --channels %d\"",
					dir, j.Size(), j.Channels(), g.Run, g.Size, g.Channels, g.Size, g.Channels)
			}
			if sharesPictures(j.Dataset(), g.Data) {
				fmt.Fprintf(c.ErrOrStderr(), "--classifier %s: was trained on pictures that %s was also trained on, so its features favour them; use disjoint parts, such as --part 1/4 and --part 2-4/4\n", dir, g.Run)
			}
		}
		o.Judges = append(o.Judges, j)
	}
	if q.detector != "" {
		p, err := openDetector(device.command, q.detector, device)
		if err != nil {
			return o, fmt.Errorf("--detector: %w", remedied(c, err))
		}
		o.Detector = p
	}
	if q.inception != "" {
		e, err := eval.OpenInception(q.inception, d)
		if err != nil {
			return o, err
		}
		o.Features = e
	}
	if q.clip != "" {
		if o.CLIP, err = sample.OpenTextToImage(c.Context(), q.clip, d); err != nil {
			return o, err
		}
		if err := o.CLIP.RequireCLIP(); err != nil {
			return o, err
		}
		for _, g := range generators {
			if g.Classes == nil && (o.CLIP.Size() != g.Size || o.CLIP.Channels() != g.Channels) {
				return o, usagef("--clip %s: reads pictures of %d pixels with %d channels, and %s draws %d with %d; train one for these with \"bestiary train clip --image-size %d --channels %d\"",
					q.clip, o.CLIP.Size(), o.CLIP.Channels(), g.Run, g.Size, g.Channels, g.Size, g.Channels)
			}
		}
	}
	bar := newBar(c.ErrOrStderr(), "drawing pictures")
	o.Begin = func(what string) {
		bar.finish()
		fmt.Fprintf(c.ErrOrStderr(), "measuring %s\n", what)
	}
	o.Progress = bar.update
	return o, nil
}

// adapt lets a generator draw with its own scale of guidance unless there is --guidance. If it is compared with others, it is drawn without
// what it doesn't have, guidance or a solver; alone, that is an error.
func (q *qualityFlags) adapt(c *cobra.Command, g *sample.Generator, compared bool) {
	given := c.Flags().Changed("guidance")
	unguided := compared && given && g.Guidance == 0 && q.sampling.Guidance != 0 && q.sampling.Guidance != 1
	unsolved := compared && g.Model != models.Rectified.Name && g.Model != models.MaskGIT.Name && q.solving != sample.Solving{}
	if unguided {
		fmt.Fprintf(c.ErrOrStderr(), "%s: the %s has no guidance and is drawn without\n", g.Run, g.Model)
	}
	if unsolved {
		fmt.Fprintf(c.ErrOrStderr(), "%s: the %s solves no differential equation; --solver, --steps, --guidance-from and --guidance-to are not for it\n", g.Run, g.Model)
	}
	draw := g.Draw
	g.Draw = func(ctx context.Context, requests []sample.Request, o sample.DrawOptions) ([]*image.NRGBA, error) {
		s := *o.Sampling
		switch {
		case !given:
			s.Guidance = cmp.Or(g.Guidance, 1)
		case unguided:
			s.Guidance = 1
		}
		o.Sampling = &s
		if unsolved {
			o.Solving = sample.Solving{}
		}
		return draw(ctx, requests, o)
	}
}

// notMeasured says which figures are missing although a classifier was given, and why.
func notMeasured(c *cobra.Command, o eval.QualityOptions, g *sample.Generator, q *eval.Quality) {
	if o.CLIP != nil && g.Classes != nil {
		fmt.Fprintf(c.ErrOrStderr(), "retrieval is not measured: the %s draws classes, not prompts to find\n", g.Model)
	}
	for _, j := range o.Judges {
		switch attributes := j.Config().Attributes; {
		case attributes && g.Classes != nil:
			fmt.Fprintf(c.ErrOrStderr(), "attributes are not measured: the %s draws classes, not prompts that name some\n", g.Model)
		case attributes && q.Attributes == nil:
			fmt.Fprintln(c.ErrOrStderr(), "attributes are not measured: no prompt has a word that the classifier knows")
		case !attributes && g.Classes != nil && q.ClassAccuracy == nil && len(g.Classes) > 1:
			fmt.Fprintf(c.ErrOrStderr(), "class_accuracy is not measured: the classifier tells %d classes apart, and the %s draws %d; train one on pictures of all of them, perhaps with --labels breed\n",
				len(j.Config().Classes), g.Model, len(g.Classes))
		case !attributes && g.Classes != nil && q.ClassAccuracy == nil:
			fmt.Fprintln(c.ErrOrStderr(), "class_accuracy is not measured: there is one class, and the classifier doesn't know it; train one with pictures of others beside it")
		}
	}
}

// sharesPictures reports whether two trainings may have pictures in common.
func sharesPictures(a, b data.Description) bool {
	if a.Path == "" || !samePath(data.Description{Path: a.Path, From: a.From}, b) || disjoint(a.Split, b.Split) {
		return false
	}
	one, err1 := data.ParsePart(a.Part)
	two, err2 := data.ParsePart(b.Part)
	return err1 != nil || err2 != nil || !one.Disjoint(two)
}

// writeCopies writes the page of the closest pairs.
func writeCopies(path string, r *eval.Reference, q *eval.Quality) error {
	page, err := r.CopyPage(q)
	if err != nil {
		return err
	}
	return layout.SavePNG(path, page)
}
