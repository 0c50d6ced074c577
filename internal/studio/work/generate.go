package work

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"image"
	"image/png"
	"math"
	"net/http"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/upload"
	"github.com/bestiary-ml/bestiary/sample"
)

// generation is the work of a job of kind "generate".
type generation struct {
	pipeline *sample.TextToImage
	options  sample.GenerateOptions
	previews int
}

// generate makes a job that draws pictures for prompts. Jobs of the same pipeline run together.
func (d *Desk) generate(b *library.Book, r *Request) (jobs.Task, error) {
	if b.Text == nil || len(b.Text.Generators()) == 0 {
		return jobs.Task{}, problem.At(http.StatusNotFound, "kind", "run %q has no generator for prompts", b.Name)
	}
	model := r.Model
	if all := b.Text.Generators(); model == "" {
		model = all[0]
	}
	defaults, err := b.Text.DefaultSampling(model)
	var missing *fault.Missing
	if errors.As(err, &missing) {
		return jobs.Task{}, problem.At(http.StatusNotFound, "model", "run %q has no trained %s", b.Name, missing.Model)
	}
	if err != nil {
		return jobs.Task{}, err
	}
	prompts := r.Prompts
	if r.Prompt != "" {
		if prompts != nil {
			return jobs.Task{}, problem.Wrong("prompts", "can't be combined with prompt; set one of them")
		}
		prompts = []string{r.Prompt}
	}
	o := sample.GenerateOptions{
		Prompts: prompts, Model: model, N: r.count(), Seed: *r.Seed, Sampling: r.sampling(defaults), Candidates: r.Rank, Truncate: r.Truncate,
		PrimeRows: r.PrimeRows, Steps: r.Steps, Choice: r.Choice, Solver: r.Solver, Tolerance: r.Tolerance,
		GuidanceFrom: r.GuideFrom, GuidanceTo: r.GuideTo,
	}
	if len(prompts) == 0 {
		return jobs.Task{}, problem.Wrong("prompt", "must say what to draw")
	}
	if r.Previews < -1 || r.Previews > 1000 {
		return jobs.Task{}, problem.Wrong("previews", "must be from 0 to 1000, or -1 for each row, pass or step")
	}
	if max(o.N, o.Candidates)*len(prompts) > maxCandidates {
		return jobs.Task{}, problem.Wrong("prompts", "must be fewer: a request may draw %d pictures", maxCandidates)
	}
	if r.Prime != nil {
		if o.Prime, err = prime(b.Text, r.Prime); err != nil {
			return jobs.Task{}, err
		}
	}
	if region := r.Repaint; region != nil {
		if len(region) != 4 || region[2] < 1 || region[3] < 1 {
			return jobs.Task{}, problem.Wrong("repaint", "must be four numbers: x, y, and a width and a height of 1 pixel or more")
		}
		o.Repaint = image.Rect(region[0], region[1], region[0]+region[2], region[1]+region[3])
	}
	if r.Rank != 0 && b.Text.RequireCLIP() != nil {
		return jobs.Task{}, problem.At(http.StatusNotFound, "rank", "run %q has no trained CLIP to rank pictures with; leave rank out", b.Name)
	}
	e, err := b.Text.Estimate(o)
	if err != nil {
		return jobs.Task{}, r.blame(err)
	}
	return jobs.Task{
		Key: b.Name + " " + e.Key, Pictures: e.Pictures, Bytes: e.Bytes, Work: &generation{b.Text, o, r.Previews}, Run: generateTogether,
	}, nil
}

// blame names the prompt that an error is about as the request does.
func (r *Request) blame(err error) error {
	var prompt *sample.PromptError
	if !errors.As(err, &prompt) {
		return err
	}
	field := "prompt"
	if r.Prompts != nil {
		field = "prompts[" + strconv.Itoa(prompt.Prompt) + "]"
	}
	return problem.Wrong(field, "%s", problem.Words(prompt.Err.Error()))
}

// prime decodes the picture that all begin with.
func prime(p *sample.TextToImage, encoded []byte) (*image.NRGBA, error) {
	pixels, err := upload.Picture("prime", encoded, p.Size(), p.Channels(), true)
	if err != nil {
		return nil, err
	}
	return p.Pictures(pixels)[0], nil
}

// generateTogether draws the pictures of jobs whose keys are equal. A run may have been opened anew between two requests,
// so there may be several pipelines.
func generateTogether(ctx context.Context, batch []*jobs.Job) {
	for len(batch) > 0 {
		pipeline := batch[0].Work.(*generation).pipeline
		var own, others []*jobs.Job
		for _, j := range batch {
			if j.Work.(*generation).pipeline == pipeline {
				own = append(own, j)
			} else {
				others = append(others, j)
			}
		}
		var requests []sample.Together
		for _, j := range own {
			g := j.Work.(*generation)
			requests = append(requests, sample.Together{
				Options: g.options, Context: j.Context(), Images: g.previews,
				Partial: func(p sample.Partial) {
					var pictures []jobs.Picture
					if p.Pictures != nil {
						pictures, _ = encode(p.Pictures, g.options.Seed) // encoding to memory doesn't fail
					}
					j.Progress(p.Done, p.Total, pictures)
				},
			})
		}
		for i, outcome := range pipeline.GenerateTogether(ctx, requests) {
			pictures, err := encode(outcome.Pictures, requests[i].Options.Seed)
			own[i].Finish(jobs.Result{Pictures: pictures}, cmp.Or(outcome.Err, err))
		}
		batch = others
	}
}

// encode makes PNG files of generated pictures.
func encode(all []sample.Generated, seed uint64) ([]jobs.Picture, error) {
	pictures := make([]jobs.Picture, len(all))
	for i, g := range all {
		file, err := EncodePNG(g.Image)
		if err != nil {
			return nil, err
		}
		pictures[i] = jobs.Picture{PNG: file, Prompt: g.Prompt, Index: g.Index, Seed: seed}
		if !math.IsNaN(g.Score) {
			pictures[i].Score = &g.Score
		}
	}
	return pictures, nil
}

// EncodePNG returns a picture as a PNG file, fast rather than small.
func EncodePNG(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
