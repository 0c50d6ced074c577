package sample

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Generated is a picture for a prompt.
type Generated struct {
	Prompt string
	Index  int // number of the picture among those of its prompt, from 0
	Image  *image.NRGBA
	Codes  []int32 // [G·G], row by row
	Score  float64 // cosine similarity of prompt and picture by CLIP; NaN without a CLIP
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
	var all []Generated
	first := 0 // of the pictures of the current prompt
	for lo := 0; lo < j.total(); lo += j.options.Batch {
		drawn, err := j.draw(ctx, lo, min(lo+j.options.Batch, j.total()))
		if err != nil {
			return nil, err
		}
		if o.Candidates == 0 {
			all = append(all, drawn...)
			continue
		}
		for _, g := range drawn {
			if g.Index == 0 {
				first = len(all)
			}
			all = append(all[:first], insertBest(all[first:], g, j.options.N)...)
		}
	}
	return all, nil
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
	sampling sampling.Options
	each     int       // pictures to draw for a prompt
	texts    [][]int32 // ids of the prompts, [TextLen] each
	prime    []int32   // codes that every picture begins with
	progress Rows
}

// newJob checks the options and encodes the prompts and the picture of Prime.
func (p *TextToImage) newJob(ctx context.Context, o GenerateOptions) (*job, error) {
	if err := p.RequireDALLE(); err != nil {
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
	o.Prompts = slices.Clone(o.Prompts)
	for i, prompt := range o.Prompts { // blanks around a prompt must not change its pictures
		o.Prompts[i] = strings.TrimSpace(prompt)
	}
	j := &job{TextToImage: p, options: o, sampling: settings(o.Sampling), each: max(o.N, o.Candidates)}
	for i, prompt := range o.Prompts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ids, err := p.models.Tokenizer.EncodeFixed(prompt, p.models.DALLE.Config().TextLen, o.Truncate)
		if err != nil {
			return nil, &PromptError{i, err}
		}
		j.texts = append(j.texts, ids)
	}
	var err error
	if j.prime, err = p.prime(ctx, o.Prime, o.PrimeRows); err != nil {
		return nil, err
	}
	j.progress = Rows{Total: j.total() * (p.Grid() - len(j.prime)/p.Grid()), pipeline: p}
	return j, nil
}

// total is how many pictures are drawn.
func (j *job) total() int { return j.each * len(j.texts) }

// draw generates pictures lo to hi−1 together.
func (j *job) draw(ctx context.Context, lo, hi int) ([]Generated, error) {
	pictures := make([]Generated, 0, hi-lo)
	requests := make([]dalle.Picture, 0, hi-lo)
	for i := lo; i < hi; i++ {
		prompt, index := i/j.each, i%j.each
		g := Generated{Prompt: j.options.Prompts[prompt], Index: index, Score: math.NaN()}
		random := tensor.NewGenerator(j.options.Seed).Fork(fmt.Sprintf("generate %d %s", index, g.Prompt))
		pictures = append(pictures, g)
		requests = append(requests, dalle.Picture{Text: j.texts[prompt], Prime: j.prime, Random: random})
	}
	codes, err := j.models.DALLE.Generate(ctx, requests, j.sampling, j.rowFunc(pictures))
	if err != nil {
		return nil, err
	}
	images, err := j.decode(ctx, slices.Concat(codes...))
	if err != nil {
		return nil, err
	}
	for i := range pictures {
		pictures[i].Codes, pictures[i].Image = codes[i], images[i]
	}
	if j.models.CLIP != nil {
		err = j.score(ctx, pictures)
	}
	return pictures, err
}

// prime returns the codes of the first rows of a picture.
func (p *TextToImage) prime(ctx context.Context, img *image.NRGBA, rows int) ([]int32, error) {
	if img == nil {
		return nil, nil
	}
	if err := checkImage("Prime", img, p.Size()); err != nil {
		return nil, err
	}
	height := p.Grid()
	if err := checkPrimeRows(rows, height); err != nil {
		return nil, err
	}
	codes, err := p.codes(ctx, p.pixels(img))
	if err != nil {
		return nil, err
	}
	rows = cmp.Or(rows, max(1, height*7/16))
	return codes[:rows*height], nil
}
