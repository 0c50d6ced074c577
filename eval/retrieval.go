package eval

import (
	"context"
	"slices"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Retrieval is how often the right candidate is the best, or among the five best, and how often it would be by chance.
type Retrieval struct {
	Top1       float64 `json:"top1"`
	Top5       float64 `json:"top5"`
	ChanceTop1 float64 `json:"chance_top1"`
	ChanceTop5 float64 `json:"chance_top5"`
	Candidates int     `json:"candidates"`
}

// matches are the embeddings of pictures and of their distinct captions.
type matches struct {
	latent        int
	texts, images []float32 // [distinct captions, latent], [pictures, latent]
	own           []int     // index of each picture's caption in texts
}

// embed embeds captions and their pictures: pixels holds [N, S, S, C], and chosen the index of each caption's picture.
func embed(ctx context.Context, p *sample.TextToImage, captions []string, pixels []uint8, chosen []int) (*matches, error) {
	m := &matches{}
	var distinct []string
	number := map[string]int{}
	for _, caption := range captions {
		if _, known := number[caption]; !known {
			number[caption] = len(distinct)
			distinct = append(distinct, caption)
		}
		m.own = append(m.own, number[caption])
	}
	var err error
	if m.texts, err = p.EmbedTexts(ctx, distinct); err != nil {
		return nil, err
	}
	m.latent = len(m.texts) / len(distinct)
	one := p.Size() * p.Size() * p.Channels()
	for part := range slices.Chunk(chosen, p.BatchSize()) {
		var some []uint8
		for _, i := range part {
			some = append(some, pixels[i*one:(i+1)*one]...)
		}
		embeddings, err := p.EmbedImages(ctx, some)
		if err != nil {
			return nil, err
		}
		m.images = append(m.images, embeddings...)
	}
	return m, nil
}

// row returns row i of embeddings.
func (m *matches) row(embeddings []float32, i int) []float32 {
	return embeddings[i*m.latent : (i+1)*m.latent]
}

// captions returns the embeddings of the pictures' captions, [pictures, latent].
func (m *matches) captions() (all []float32) {
	for _, text := range m.own {
		all = append(all, m.row(m.texts, text)...)
	}
	return all
}

// scores returns the mean similarity of pictures to their captions, and to all other captions: 0 without others.
func (m *matches) scores() (own, others float64) {
	// Summing the texts first makes the similarity of a picture to all texts one product.
	all := make([]float64, m.latent)
	for i, v := range m.texts {
		all[i%m.latent] += float64(v)
	}
	for i, text := range m.own {
		picture := m.row(m.images, i)
		similar, total := 0.0, 0.0
		for k, v := range picture {
			similar += float64(m.row(m.texts, text)[k]) * float64(v)
			total += all[k] * float64(v)
		}
		own += similar / float64(len(m.own))
		if n := len(m.texts)/m.latent - 1; n > 0 {
			others += (total - similar) / float64(n) / float64(len(m.own))
		}
	}
	return own, others
}

// retrieve ranks the candidates [M, latent] for each query [N, latent]; own has the index of the right candidate of each
// query.
func retrieve(ctx context.Context, p *sample.TextToImage, queries, candidates []float32, own []int) (r Retrieval, err error) {
	err = p.Use(ctx, func(d *tensor.Device, _ sample.TextToImageModels) error {
		step := d.Scratch()
		defer step.End()
		latent := len(queries) / len(own)
		n := len(candidates) / latent
		better := clip.Retrieve(d.From(queries, len(own), latent), d.From(candidates, n, latent), own)
		r = Retrieval{
			Top1: clip.Recall(better, 1), Top5: clip.Recall(better, 5),
			ChanceTop1: 1 / float64(n), ChanceTop5: min(1, 5/float64(n)), Candidates: n,
		}
		return nil
	})
	return r, err
}

// counting returns 0 to n−1.
func counting(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
