// Package clip is CLIP (Radford et al., 2021) in DALLE-pytorch's variant. It measures how well a caption describes a
// picture.
//
// Two transformers, one over tokens and one over patches of pixels, are averaged over their positions and projected to
// embeddings t and i of unit length. The similarity of a caption and a picture is
//
//	e^temperature · t·i
//
// and training minimises the cross-entropy of finding, within a batch, the picture of each caption and the caption of
// each picture.
//
// Pictures are channels-last with values in [−1, 1]. Captions are token ids, of which 0 is padding.
package clip

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// CLIP maps captions, ints [N, n] with n ≤ TextLen, and pictures [N, S, S, C] to embeddings [N, Latent].
type CLIP struct {
	config      Config
	text, image *tower
	tokens      *nn.Embedding
	patches     *nn.Linear
	temperature *tensor.Tensor // [], logarithm of the factor of similarities
}

// New builds a CLIP on a device. g initialises the weights and is kept for dropout. The temperature starts at ln(1/0.07),
// as in the paper. The error is a [*fault.FieldError], or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (m *CLIP, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	m = &CLIP{
		config:      c,
		tokens:      nn.NewEmbedding(d, c.TextTokens, c.Text.Dim, g),
		patches:     nn.NewLinear(d, c.patchValues(), c.Image.Dim, true, g),
		temperature: nn.Constant(d, math.Log(1/0.07)),
	}
	if m.text, err = newTower(d, c.text(), c.Latent, g); err != nil {
		return nil, err
	}
	if m.image, err = newTower(d, c.image(), c.Latent, g); err != nil {
		return nil, err
	}
	return m, nil
}

// Config returns the sizes that m was built with.
func (m *CLIP) Config() Config { return m.config }

// EncodeText returns the embeddings [N, Latent] of unit length of captions, ints [N, n]. keep, ints [N, n], is 0 where an
// id is ignored; nil ignores padding. A caption of padding alone has the embedding 0.
func (m *CLIP) EncodeText(text, keep *tensor.Tensor) *tensor.Tensor {
	if keep == nil {
		keep = text
	}
	return m.EncodeTextWith(text, keep, meanWeights(keep))
}

// EncodeTextWith is EncodeText with weights [N, 1, n] by which positions are averaged.
func (m *CLIP) EncodeTextWith(text, keep, weights *tensor.Tensor) *tensor.Tensor {
	return m.text.embed(m.tokens.Forward(text), keep, weights)
}

// EncodeImages returns the embeddings [N, Latent] of unit length of pictures [N, S, S, C].
func (m *CLIP) EncodeImages(images *tensor.Tensor) *tensor.Tensor {
	n, side, size := images.Dim(0), m.config.ImageSize/m.config.PatchSize, m.config.PatchSize
	x := images.Reshape(n, side, size, side, size, m.config.Channels).Permute(0, 1, 3, 2, 4, 5) // [N, side, side, P, P, C]
	x = x.Reshape(n, side*side, -1)                                                             // [N, side², P·P·C]
	return m.image.embed(m.patches.Forward(x), nil, nil)
}

// Similarity returns how well each caption describes its picture, [N]. See EncodeText for text and keep.
func (m *CLIP) Similarity(text, images, keep *tensor.Tensor) *tensor.Tensor {
	return m.EncodeText(text, keep).Mul(m.EncodeImages(images)).Sum(1).Mul(m.temperature.Exp())
}

// Loss returns the contrastive loss of a batch in which caption i belongs to picture i, a single number in nats: the mean
// of the cross-entropies in both directions, ln N by chance. See EncodeText for text and keep.
func (m *CLIP) Loss(text, images, keep *tensor.Tensor) *tensor.Tensor {
	t, i := m.EncodeText(text, keep), m.EncodeImages(images) // [N, Latent]
	t, i = ranks.GatherRows(t), ranks.GatherRows(i)          // those of the whole batch: each rank computes its whole loss
	similar := t.MatMulT(i).Mul(m.temperature.Exp())         // [N, N]
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

// SetTraining implements nn.Module: dropout acts in training only.
func (m *CLIP) SetTraining(on bool) {
	m.text.transformer.SetTraining(on)
	m.image.transformer.SetTraining(on)
}

// String implements fmt.Stringer: the sizes of m and the table of [nn.Summary].
func (m *CLIP) String() string {
	c := m.config
	return fmt.Sprintf("CLIP: captions of %d tokens (vocabulary %d) and pictures [N, %d, %d, %d] → embeddings [N, %d]\n",
		c.TextLen, c.TextTokens, c.ImageSize, c.ImageSize, c.Channels, c.Latent) + nn.Summary(m)
}
