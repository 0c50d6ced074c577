package sample

import (
	"context"
	"slices"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/tensor"
)

// CLIPFigures measure a CLIP on pictures with captions, of which each picture shows one.
type CLIPFigures struct {
	Score       float64   `json:"score"`          // mean cosine similarity of pictures and their captions
	Shuffled    float64   `json:"score_shuffled"` // and of pictures and all other captions
	TextToImage Retrieval `json:"text_to_image"`  // each caption looks for its picture among all
	ImageToText Retrieval `json:"image_to_text"`  // each picture looks for its caption among all different ones
	Pictures    int       `json:"pictures"`       // with a caption that can be read
	Truncated   int       `json:"truncated_captions"`
}

// Retrieval is how often what is looked for is the best, or among the five best, of all candidates, and how often chance finds it.
type Retrieval struct {
	Top1       float64 `json:"top1"`
	Top5       float64 `json:"top5"`
	ChanceTop1 float64 `json:"chance_top1"`
	ChanceTop5 float64 `json:"chance_top5"`
	Candidates int     `json:"candidates"`
}

// GeneratedFigures tell by CLIP how well generated pictures agree with their prompts, which are captions of photos.
type GeneratedFigures struct {
	Score       float64   `json:"score"`          // mean cosine similarity of pictures and their prompts
	Shuffled    float64   `json:"score_shuffled"` // and of pictures and all other prompts
	Photos      float64   `json:"score_photos"`   // and of the photos and these captions
	ImageToText Retrieval `json:"image_to_text"`  // each generated picture looks for its prompt among all different ones
	Pictures    int       `json:"pictures"`
}

// MeasureCLIP measures the CLIP on pictures with captions. A caption that is too long for it counts with its beginning.
func (b *Birds) MeasureCLIP(ctx context.Context, d *data.Dataset) (*CLIPFigures, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.needCLIP(); err != nil {
		return nil, err
	}
	if err := b.fits(d); err != nil {
		return nil, err
	}
	p, err := b.pairs(d, b.clip.Config().TextLen)
	if err != nil {
		return nil, err
	}
	m, err := b.match(ctx, p.captions, d.Pixels, p.pictures)
	if err != nil {
		return nil, err
	}
	f := &CLIPFigures{Pictures: len(p.pictures), Truncated: p.truncated}
	f.Score, f.Shuffled = m.scores()
	f.ImageToText = retrieval(m.images, m.texts, m.own)
	f.TextToImage = retrieval(m.captions(), m.images, counting(len(m.own)))
	return f, nil
}

// match are embeddings of pictures and of the different texts among their captions.
type match struct {
	latent        int
	texts, images *tensor.Tensor // [different texts, latent], [pictures, latent]
	own           []int          // the text of each picture
}

// match embeds captions and their pictures: pixels holds [N, S, S, C], of which chosen has one a caption.
func (b *Birds) match(ctx context.Context, captions []string, pixels []uint8, chosen []int) (*match, error) {
	m := &match{latent: b.clip.Config().Latent}
	var different []string
	number := map[string]int{}
	for _, caption := range captions {
		if _, known := number[caption]; !known {
			number[caption] = len(different)
			different = append(different, caption)
		}
		m.own = append(m.own, number[caption])
	}
	texts, err := b.embedTexts(ctx, different)
	if err != nil {
		return nil, err
	}
	one := b.Size() * b.Size() * b.Channels()
	var images []float32
	for part := range slices.Chunk(chosen, passOf(b.Size())) {
		var some []uint8
		for _, i := range part {
			some = append(some, pixels[i*one:(i+1)*one]...)
		}
		embeddings, err := b.embedImages(ctx, some)
		if err != nil {
			return nil, err
		}
		images = append(images, embeddings...)
	}
	m.texts = b.device.From(texts, len(different), m.latent)
	m.images = b.device.From(images, len(chosen), m.latent)
	return m, nil
}

// captions are the embeddings of the pictures' texts [pictures, latent].
func (m *match) captions() *tensor.Tensor {
	index := make([]int32, len(m.own))
	for i, text := range m.own {
		index[i] = int32(text)
	}
	return m.texts.Gather(0, m.texts.Device().Ints(index))
}

// scores are the mean similarities of pictures to their texts, and to all others: 0 if there are no others.
func (m *match) scores() (own, others float64) {
	texts, images := m.texts.Values(), m.images.Values()
	all := make([]float64, m.latent) // the sum of all texts, whose product with a picture is that of its similarities
	for i, v := range texts {
		all[i%m.latent] += float64(v)
	}
	for i, text := range m.own {
		picture := images[i*m.latent : (i+1)*m.latent]
		similar := dot(texts[text*m.latent:(text+1)*m.latent], picture)
		total := 0.0
		for k, v := range picture {
			total += all[k] * float64(v)
		}
		own += similar / float64(len(m.own))
		if n := len(texts)/m.latent - 1; n > 0 {
			others += (total - similar) / float64(n) / float64(len(m.own))
		}
	}
	return own, others
}

// retrieval looks for the candidate that belongs to each query.
func retrieval(queries, candidates *tensor.Tensor, own []int) Retrieval {
	ranks := clip.Ranks(queries, candidates, own)
	n := candidates.Dim(0)
	return Retrieval{
		Top1: clip.Recall(ranks, 1), Top5: clip.Recall(ranks, 5),
		ChanceTop1: 1 / float64(n), ChanceTop5: min(1, 5/float64(n)), Candidates: n,
	}
}

// counting are 0 to n−1.
func counting(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// MeasureGenerated generates a picture for a caption of each of at most n pictures, spread over a dataset, and has CLIP judge them. Of the
// options, prompts and their number are set here.
func (b *Birds) MeasureGenerated(ctx context.Context, d *data.Dataset, n int, o GenerateOptions) (*GeneratedFigures, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.needDALLE(); err != nil {
		return nil, err
	}
	if err := b.needCLIP(); err != nil {
		return nil, err
	}
	if err := b.fits(d); err != nil {
		return nil, err
	}
	p, err := b.pairs(d, b.dalle.Config().TextLen)
	if err != nil {
		return nil, err
	}
	n = min(n, len(p.pictures))
	o.N, o.Truncate = 1, true
	var photos []int
	for i := range n {
		from := i * len(p.pictures) / n
		o.Prompts, photos = append(o.Prompts, p.captions[from]), append(photos, p.pictures[from])
	}
	pictures, err := b.generate(ctx, o)
	if err != nil {
		return nil, err
	}
	var pixels []uint8
	for _, g := range pictures {
		pixels = append(pixels, b.pixels(g.Image)...)
	}
	made, err := b.match(ctx, o.Prompts, pixels, counting(n))
	if err != nil {
		return nil, err
	}
	real, err := b.match(ctx, o.Prompts, d.Pixels, photos)
	if err != nil {
		return nil, err
	}
	f := &GeneratedFigures{Pictures: n, ImageToText: retrieval(made.images, made.texts, made.own)}
	f.Score, f.Shuffled = made.scores()
	f.Photos, _ = real.scores()
	return f, nil
}
