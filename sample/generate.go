package sample

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Generated is a picture for a prompt.
type Generated struct {
	Prompt string
	Index  int // number of the picture among those of its prompt, from 0
	Image  *image.NRGBA
	Codes  []int32 // [G·G], row by row; nil from a rectified flow
	Score  float64 // cosine similarity of prompt and picture by CLIP; NaN without a CLIP

	// Evaluations is how often the generator's network was evaluated for the picture: codes after the prime of DALL-E, passes
	// of MaskGIT, evaluations of the velocity of a rectified flow. With guidance each is two runs of the network.
	Evaluations int
}

// generateBatch is how many pictures are generated together unless the options say otherwise.
const generateBatch = 16

// Generate draws pictures for prompts: N for the first prompt, then N for the second, and so on. With Candidates, the
// pictures of each prompt are sorted by score from the highest (reranking).
func (p *TextToImage) Generate(ctx context.Context, o GenerateOptions) ([]Generated, error) {
	return exclusive(ctx, p.device, func() ([]Generated, error) { return p.generate(ctx, o) })
}

func (p *TextToImage) generate(ctx context.Context, o GenerateOptions) ([]Generated, error) {
	j, err := p.newJob(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := j.plan.prepare(ctx); err != nil {
		return nil, err
	}
	var all chosen
	for lo, at := 0, j.options.Batch*ranks.Evaluators(p.device); lo < j.total(); lo += at { // a batch for each rank, so that few wait at a time
		n := min(at, j.total()-lo)
		drawn, err := ranks.Divide(p.device, n, j.options.Batch, func(from, to int) ([]Generated, error) { return j.draw(ctx, lo+from, lo+to) })
		if err != nil {
			return nil, err
		}
		j.progress.Done = j.plan.units() * (lo + n)
		all.add(j, drawn)
	}
	return all.pictures, nil
}

// chosen are the pictures that a call returns, as far as they are drawn.
type chosen struct {
	pictures []Generated
	first    int // of the pictures of the current prompt
}

// add adds pictures of a job, in their order. With Candidates it keeps the best N of a prompt.
func (c *chosen) add(j *job, drawn []Generated) {
	if j.options.Candidates == 0 {
		c.pictures = append(c.pictures, drawn...)
		return
	}
	for _, g := range drawn {
		if g.Index == 0 {
			c.first = len(c.pictures)
		}
		c.pictures = append(c.pictures[:c.first], insertBest(c.pictures[c.first:], g, j.options.N)...)
	}
}

// insertBest inserts g into pictures sorted by score, of which it keeps n.
func insertBest(best []Generated, g Generated, n int) []Generated {
	at := slices.IndexFunc(best, func(b Generated) bool { return cmp.Compare(b.Score, g.Score) < 0 })
	if at < 0 {
		at = len(best)
	}
	best = slices.Insert(best, at, g)
	return best[:min(len(best), n)]
}

// job is one call of Generate.
type job struct {
	*TextToImage
	options  GenerateOptions // with defaults filled in
	plan     plan
	each     int       // pictures to draw for a prompt
	texts    [][]int32 // ids of the prompts, [TextLen] each
	progress Rows
}

// newJob checks the options, encodes the prompts, and lets the generator prepare.
func (p *TextToImage) newJob(ctx context.Context, o GenerateOptions) (*job, error) {
	g, err := p.generator(o.Model)
	if err != nil {
		return nil, err
	}
	if err := p.RequireGenerator(g.name()); err != nil {
		return nil, err
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Candidates != 0 {
		if err := p.RequireCLIP(); err != nil {
			return nil, err
		}
	}
	o.N, o.Batch = cmp.Or(o.N, 1), cmp.Or(o.Batch, generateBatch)
	if err := checkPixels("N", o.N*len(o.Prompts), p.Size()); err != nil {
		return nil, err
	}
	if o.Sampling == nil {
		own := g.sampling()
		o.Sampling = &own
	}
	o.Prompts = slices.Clone(o.Prompts)
	for i, prompt := range o.Prompts { // blanks around a prompt must not change its pictures
		o.Prompts[i] = strings.TrimSpace(prompt)
	}
	j := &job{TextToImage: p, options: o, each: max(o.N, o.Candidates)}
	for i, prompt := range o.Prompts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ids, err := p.models.Tokenizer.EncodeFixed(prompt, g.text().length, o.Truncate)
		if err != nil {
			return nil, &PromptError{i, err}
		}
		j.texts = append(j.texts, ids)
	}
	if j.plan, err = g.plan(p, o); err != nil {
		return nil, err
	}
	j.progress = Rows{Total: j.total() * j.plan.units()}
	return j, nil
}

// total is how many pictures are drawn.
func (j *job) total() int { return j.each * len(j.texts) }

// draw generates pictures lo to hi−1 together.
func (j *job) draw(ctx context.Context, lo, hi int) ([]Generated, error) {
	pictures := make([]Generated, 0, hi-lo)
	requests := make([]request, 0, hi-lo)
	for i := lo; i < hi; i++ {
		g, r := j.picture(i)
		pictures, requests = append(pictures, g), append(requests, r)
	}
	err := j.plan.draw(ctx, pictures, requests, j.reporter(pictures))
	if err == nil && j.models.CLIP != nil {
		err = j.score(ctx, pictures)
	}
	return pictures, err
}

// picture returns picture i of the job, and what is needed to draw it.
func (j *job) picture(i int) (Generated, request) {
	prompt, index := i/j.each, i%j.each
	g := Generated{Prompt: j.options.Prompts[prompt], Index: index, Score: math.NaN()}
	random := tensor.NewGenerator(j.options.Seed).Fork(fmt.Sprintf("generate %d %s", index, g.Prompt))
	return g, request{j.texts[prompt], random, j.plan}
}
