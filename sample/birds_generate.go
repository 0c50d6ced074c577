package sample

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/internal/usage"
	"github.com/bestiary-ml/bestiary/tensor"
)

// GenerateOptions say what to generate. Beyond the prompts, the zero value draws one picture of each from the model's own distribution.
type GenerateOptions struct {
	Prompts []string
	N       int    // pictures a prompt; 0 means 1
	Seed    uint64 // picture i of a prompt depends on the seed, the prompt and i alone

	Temperature float64 // divides the logits of the codes, 0 means 1: lower is more typical, higher more varied
	TopK        int     // draw each code among the k likeliest, 0 means all
	TopP        float64 // draw each code among the likeliest that make up this share of the probability, 0 means all
	Guidance    float64 // how much further to go from pictures of anything towards those of the prompt, 0 means 1: not at all
	Rank        int     // draw so many pictures of each prompt and keep the N that agree best with it by CLIP, 0 means N
	Truncate    bool    // use the beginning of a prompt that is too long, which is an error otherwise

	Prime     *image.NRGBA // a picture of the model's size, with whose upper part every picture begins; nil: none
	PrimeRows int          // how many rows of its codes that are, 0 means 7 of 16

	Batch int        // pictures drawn at a time: more take less time and more memory, and sums round differently; 0 means 16
	Rows  func(Rows) // called after each row of codes; may be nil. It must not call methods of the Birds
}

// Generated is a picture for a prompt.
type Generated struct {
	Prompt string
	Index  int // i of "picture i of its prompt"
	Image  *image.NRGBA
	Codes  []int32 // [G·G], row by row
	Score  float64 // cosine similarity of prompt and picture by CLIP, NaN if there is none
}

// Rows tells how far a generation is.
type Rows struct {
	Done, Total int         // rows of codes, of all pictures together
	First       int         // so many rows are there of these pictures, which are drawn together
	Pictures    []Generated // without Image; Codes has what is there and is overwritten later
	birds       *Birds
}

// Images draws what there is of the pictures, transparent where there is nothing yet.
func (r Rows) Images() ([]*image.NRGBA, error) {
	b := r.birds
	grid, cells := b.Grid(), b.cells()
	var codes []int32
	for _, p := range r.Pictures {
		codes = append(codes, p.Codes...)
		for len(codes)%cells != 0 { // convolutions look beyond the last row, where the same codes again disturb it least
			codes = append(codes, codes[len(codes)-grid])
		}
	}
	images, err := b.decode(codes)
	for _, img := range images {
		clear(img.Pix[r.First*(b.Size()/grid)*img.Stride:])
	}
	return images, err
}

// PromptError says what is wrong with one of several prompts.
type PromptError struct {
	Prompt int // index into GenerateOptions.Prompts
	Err    error
}

func (e *PromptError) Error() string { return fmt.Sprintf("prompt %d: %v", e.Prompt+1, e.Err) }
func (e *PromptError) Unwrap() error { return e.Err }

// generateBatch is how many pictures are drawn at a time.
const generateBatch = 16

// Generate draws pictures for prompts: N of the first, N of the second, and so on; with Rank, those of a prompt begin with the one that
// agrees best. It stops early when the context ends.
func (b *Birds) Generate(ctx context.Context, o GenerateOptions) ([]Generated, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.generate(ctx, o)
}

func (b *Birds) generate(ctx context.Context, o GenerateOptions) ([]Generated, error) {
	if err := b.needDALLE(); err != nil {
		return nil, err
	}
	if len(o.Prompts) == 0 {
		return nil, errors.New("there is no prompt; say what to draw")
	}
	o.N, o.Batch = cmp.Or(o.N, 1), cmp.Or(o.Batch, generateBatch)
	if o.N < 0 || o.Batch < 0 || o.Rank != 0 && o.Rank < o.N {
		return nil, fmt.Errorf("%d pictures out of %d, %d at a time, are not possible; use positive numbers, and at least as many to choose from", o.N, o.Rank, o.Batch)
	}
	if o.Rank != 0 {
		if err := b.needCLIP(); err != nil {
			return nil, err
		}
	}
	s, err := sampling(o.Temperature, o.TopK, o.TopP, o.Guidance)
	if err != nil {
		return nil, err
	}
	prime, err := b.prime(ctx, o.Prime, o.PrimeRows)
	if err != nil {
		return nil, err
	}
	var all []Generated
	var asked []dalle.Picture
	for i, prompt := range o.Prompts {
		ids, err := b.tokenizer.EncodeFixed(prompt, b.dalle.Config().TextLen, o.Truncate)
		if err != nil {
			return nil, &PromptError{i, err}
		}
		for k := range cmp.Or(o.Rank, o.N) {
			random := tensor.NewGenerator(o.Seed).Fork(fmt.Sprintf("generate %d %s", k, prompt))
			asked = append(asked, dalle.Picture{Text: ids, Prime: prime, Random: random})
			all = append(all, Generated{Prompt: prompt, Index: k, Score: math.NaN()})
		}
	}
	told := &Rows{Total: len(all) * (b.Grid() - len(prime)/b.Grid()), birds: b}
	for lo := 0; lo < len(all); lo += o.Batch {
		hi := min(lo+o.Batch, len(all))
		if err := b.drawTogether(ctx, all[lo:hi], asked[lo:hi], s, told, o.Rows); err != nil {
			return nil, err
		}
	}
	if o.Rank == 0 {
		return all, nil
	}
	var best []Generated
	for candidates := range slices.Chunk(all, o.Rank) {
		slices.SortStableFunc(candidates, func(a, b Generated) int { return cmp.Compare(b.Score, a.Score) })
		best = append(best, candidates[:o.N]...)
	}
	return best, nil
}

// drawTogether draws a batch of pictures. Where somebody is to be told, told knows how far all batches are.
func (b *Birds) drawTogether(ctx context.Context, batch []Generated, asked []dalle.Picture, s dalle.Sampling, told *Rows, tell func(Rows)) error {
	var row dalle.RowFunc
	if tell != nil {
		row = func(rows int, codes [][]int32) {
			told.Done += len(batch)
			told.First, told.Pictures = rows, slices.Clone(batch)
			for i := range codes {
				told.Pictures[i].Codes = codes[i]
			}
			tell(*told)
		}
	}
	codes, err := b.dalle.Generate(ctx, asked, s, row)
	if err != nil {
		return err
	}
	images, err := b.decode(slices.Concat(codes...))
	if err != nil {
		return err
	}
	for i := range batch {
		batch[i].Codes, batch[i].Image = codes[i], images[i]
	}
	if b.clip == nil {
		return nil
	}
	return b.score(ctx, batch)
}

// prime returns the codes that pictures begin with.
func (b *Birds) prime(ctx context.Context, img *image.NRGBA, rows int) ([]int32, error) {
	size, height := b.Size(), b.Grid()
	if img == nil {
		if rows != 0 {
			return nil, fmt.Errorf("%d rows to begin with, but of no picture; give one, or leave the rows out", rows)
		}
		return nil, nil
	}
	if got := img.Bounds(); got.Dx() != size || got.Dy() != size {
		return nil, fmt.Errorf("the picture to begin with has %d×%d pixels, but the model draws %d×%d; scale it to that size", got.Dx(), got.Dy(), size, size)
	}
	if rows == 0 {
		rows = max(1, height*7/16)
	}
	if rows < 1 || rows >= height {
		return nil, usage.Errorf("%d rows to begin with are not possible where a picture has %d rows of codes; use 1 to %d", rows, height, height-1)
	}
	codes, err := b.codes(ctx, b.pixels(img))
	if err != nil {
		return nil, err
	}
	return codes[:rows*height], nil
}

// sampling translates options, where 0 stands for what the model was trained to do.
func sampling(temperature float64, topK int, topP, guidance float64) (dalle.Sampling, error) {
	s := dalle.Sampling{Temperature: cmp.Or(temperature, 1), TopK: topK, TopP: topP, Guidance: cmp.Or(guidance, 1)}
	return s, s.Validate()
}
