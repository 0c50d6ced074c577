// Package clip is CLIP (Radford et al., 2021), which says how well a caption fits a picture, in the variant of
// DALLE-pytorch: two transformers, one over tokens and one over patches of pixels, whose outputs are averaged and
// projected to vectors of unit length. The similarity of a caption t and a picture i is eᵗᵉᵐᵖᵉʳᵃᵗᵘʳᵉ·t·i. In training,
// each caption of a batch has to find its picture among all of them, and each picture its caption, by cross-entropy.
//
// Pictures are channels-last with values in [−1, 1]. Captions are token ids, of which 0 is padding.
package clip

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// CLIP maps captions, ids [N, n] with n ≤ TextLen, and pictures [N, S, S, C] to embeddings [N, Latent].
type CLIP struct {
	config      Config
	text, image *tower
	tokens      *nn.Embedding
	patches     *nn.Linear
	temperature *tensor.Tensor // a single number, the logarithm of what similarities are scaled by
}

// tower is what captions and pictures have in common, from the vectors of tokens on.
type tower struct {
	position    *nn.Embedding
	transformer *transformer.Transformer
	latent      *nn.Linear
}

// New builds a CLIP on a device. g initialises it and goes on to draw its dropout. Its temperature begins at ln(1/0.07),
// as in the paper.
func New(d *tensor.Device, c Config, g *tensor.Generator) (*CLIP, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	m := &CLIP{
		config:      c,
		tokens:      nn.NewEmbedding(d, c.TextTokens, c.Text.Dim, g),
		patches:     nn.NewLinear(d, c.patchValues(), c.Image.Dim, true, g),
		temperature: nn.Constant(d, math.Log(1/0.07)),
	}
	var err error
	if m.text, err = newTower(d, c.text(), c.Latent, g); err != nil {
		return nil, err
	}
	if m.image, err = newTower(d, c.image(), c.Latent, g); err != nil {
		return nil, err
	}
	return m, nil
}

func newTower(d *tensor.Device, c transformer.Config, latent int, g *tensor.Generator) (*tower, error) {
	t := &tower{position: nn.NewEmbedding(d, c.Geometry.Len(), c.Dim, g)}
	var err error
	t.transformer, err = transformer.New(d, c, g)
	t.latent = nn.NewLinear(d, c.Dim, latent, false, g)
	return t, err
}

// embed returns the embedding [N, Latent] of x [N, n, Dim], of which the positions in keep count.
func (t *tower) embed(x *tensor.Tensor, keep *tensor.Tensor) *tensor.Tensor {
	x = t.transformer.Forward(x.Add(t.position.Weight.Slice(0, 0, x.Dim(1))), keep)
	var mean *tensor.Tensor
	if keep == nil {
		mean = x.Mean(1)
	} else {
		mean = shares(keep).MatMul(x).Reshape(x.Dim(0), x.Dim(2))
	}
	z := t.latent.Forward(mean)
	length := z.Square().Sum(1).ClampMin(1e-24).Sqrt()
	return z.Div(length.Reshape(z.Dim(0), 1))
}

// shares returns the weights [N, 1, n] that make a mean of the positions that keep [N, n] names.
func shares(keep *tensor.Tensor) *tensor.Tensor {
	n, length := keep.Dim(0), keep.Dim(1)
	kept, weights := keep.IntValues(), make([]float32, n*length)
	for ; len(kept) > 0; kept = kept[length:] {
		row := weights[len(weights)-len(kept):][:length]
		count := float32(0)
		for j := range row {
			if kept[j] != 0 {
				row[j] = 1
				count++
			}
		}
		for j := range row {
			row[j] /= max(count, 1)
		}
	}
	return keep.Device().From(weights, n, 1, length)
}

// Config returns the sizes that m was built with.
func (m *CLIP) Config() Config { return m.config }

// EncodeText returns the embeddings [N, Latent], of unit length, of captions, ids [N, n]. keep [N, n] is 0 where an id
// is to be ignored; nil ignores padding, which is id 0. A caption of nothing else has the embedding 0.
func (m *CLIP) EncodeText(text, keep *tensor.Tensor) *tensor.Tensor {
	if keep == nil {
		keep = text
	}
	return m.text.embed(m.tokens.Forward(text), keep)
}

// EncodeImages returns the embeddings [N, Latent], of unit length, of pictures [N, S, S, C].
func (m *CLIP) EncodeImages(images *tensor.Tensor) *tensor.Tensor {
	n, side, size := images.Dim(0), m.config.ImageSize/m.config.PatchSize, m.config.PatchSize
	x := images.Reshape(n, side, size, side, size, m.config.Channels).Permute(0, 1, 3, 2, 4, 5)
	return m.image.embed(m.patches.Forward(x.Reshape(n, side*side, -1)), nil)
}

// Similarity returns how well each caption fits its picture, [N]; see EncodeText for text and keep.
func (m *CLIP) Similarity(text, images, keep *tensor.Tensor) *tensor.Tensor {
	return m.EncodeText(text, keep).Mul(m.EncodeImages(images)).Sum(1).Mul(m.temperature.Exp())
}

// Loss returns the contrastive loss of a batch in which caption i belongs to picture i, a single number: the mean of
// both directions' cross-entropies, ln N where the model knows nothing. See EncodeText for text and keep.
func (m *CLIP) Loss(text, images, keep *tensor.Tensor) *tensor.Tensor {
	t, i := m.EncodeText(text, keep), m.EncodeImages(images)
	similar := t.MatMulT(i).Mul(m.temperature.Exp())
	own := make([]int32, t.Dim(0))
	for row := range own {
		own[row] = int32(row)
	}
	labels := t.Device().Ints(own)
	return similar.CrossEntropy(labels).Mean().Add(similar.Transpose(0, 1).CrossEntropy(labels).Mean()).Scale(0.5)
}

// Visit implements nn.Module.
func (m *CLIP) Visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "temperature"), Tensor: m.temperature, Trainable: true})
	m.tokens.Visit(nn.Join(path, "text.token"), f)
	m.text.visit(nn.Join(path, "text"), f)
	m.patches.Visit(nn.Join(path, "image.patch"), f)
	m.image.visit(nn.Join(path, "image"), f)
}

func (t *tower) visit(path string, f func(nn.Param)) {
	t.position.Visit(nn.Join(path, "position"), f)
	t.transformer.Visit(nn.Join(path, "transformer"), f)
	t.latent.Visit(nn.Join(path, "latent"), f)
}

// SetTraining implements nn.Module.
func (m *CLIP) SetTraining(on bool) {
	m.text.transformer.SetTraining(on)
	m.image.transformer.SetTraining(on)
}
