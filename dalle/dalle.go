// Package dalle is DALL-E (Ramesh et al., 2021) as DALLE-pytorch has it: a transformer that learns captions and the
// codes of their pictures as one sequence
//
//	start, text₁ … text_T, code₁ … code_N
//
// in which each position predicts the next. A new picture is the continuation of a caption; a discrete VAE turns its
// codes into pixels. Positions that predict text compute the logits of text and those that predict codes the logits of
// codes, which is all that DALLE-pytorch's joint vocabulary comes to after its mask.
package dalle

import (
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// DALLE is the model.
type DALLE struct {
	config      Config
	device      *tensor.Device
	text, image *nn.Embedding // tables of ids and codes

	// Learned positions: of text, and of the rows and columns of codes. Nil with rotary embeddings.
	textPosition, rowPosition, columnPosition *nn.Embedding

	transformer         *transformer.Transformer
	norm                *nn.LayerNorm
	textHead, imageHead head
}

// head predicts: logits are x·weightᵀ + bias. The weight may be an embedding's table.
type head struct{ weight, bias *tensor.Tensor } // [V, Dim], [V]

// New builds a DALL-E on a device. g initialises it and goes on to draw its dropout.
func New(d *tensor.Device, c Config, g *tensor.Generator) (*DALLE, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	dim := c.Transformer.Dim
	m := &DALLE{config: c, device: d}
	if !c.Transformer.Rotary {
		m.textPosition = nn.NewEmbedding(d, c.TextLen+1, dim, g)
		m.rowPosition, m.columnPosition = nn.NewEmbedding(d, c.Height, dim, g), nn.NewEmbedding(d, c.Width, dim, g)
	}
	var err error
	if m.transformer, err = transformer.New(d, c.transformer(), g); err != nil {
		return nil, err
	}
	m.norm = nn.NewLayerNorm(d, dim)
	newHead := func(classes int) head { // initialised as PyTorch's linear layer
		bound := 1 / math.Sqrt(float64(dim))
		return head{nn.Uniform(d, g, bound, classes, dim), nn.Uniform(d, g, bound, classes)}
	}
	m.textHead, m.imageHead = newHead(c.textRows()), newHead(c.ImageCodes)
	if c.ShareEmbeddings {
		m.text, m.image = &nn.Embedding{Weight: m.textHead.weight}, &nn.Embedding{Weight: m.imageHead.weight}
	} else {
		m.text, m.image = nn.NewEmbedding(d, c.textRows(), dim, g), nn.NewEmbedding(d, c.ImageCodes, dim, g)
	}
	return m, nil
}

// Config returns the configuration that m was built with.
func (m *DALLE) Config() Config { return m.config }

// Loss returns the mean cross-entropy, in nats, of the tokens of captions and of the codes of their pictures, and the
// mean of the two weighted 1 to Config.ImageLossWeight. text holds TextLen ids a caption, 0 for padding, and image
// Height·Width codes a picture, row by row. random decides which captions are left out, with probability
// Config.NullProb; nil leaves none out.
//
// With Config.Stable, the gradient of the embeddings is a tenth of what it is, and vectors are divided by their largest
// element before the output layers (Ding et al., 2021).
func (m *DALLE) Loss(text, image []int32, random *tensor.Generator) (loss, textLoss, imageLoss *tensor.Tensor) {
	ids := m.ids(text, image, random)
	out := m.forward(ids, image)
	split := m.config.TextLen
	labels := make([]int32, 0, len(text))
	for row := range slices.Chunk(ids, split+1) {
		labels = append(labels, row[1:]...)
	}
	textLoss = out.Slice(1, 0, split).LinearCrossEntropy(m.textHead.weight, m.textHead.bias, labels)
	imageLoss = out.Slice(1, split, out.Dim(1)).LinearCrossEntropy(m.imageHead.weight, m.imageHead.bias, image)
	weight := m.config.ImageLossWeight
	return textLoss.Add(imageLoss.Scale(weight)).Scale(1 / (1 + weight)), textLoss, imageLoss
}

// Logits returns what the model predicts of the tokens of captions [B, TextLen, TextTokens+TextLen] and of the codes of
// pictures [B, Height·Width, ImageCodes], each from what comes before. Arguments are those of Loss.
func (m *DALLE) Logits(text, image []int32) (ofText, ofImage *tensor.Tensor) {
	out := m.forward(m.ids(text, image, nil), image)
	split := m.config.TextLen
	return m.textHead.logits(out.Slice(1, 0, split)), m.imageHead.logits(out.Slice(1, split, out.Dim(1)))
}

func (h head) logits(x *tensor.Tensor) *tensor.Tensor { return x.MatMulT(h.weight).Add(h.bias) }

// ids returns the sequences' ids of text, TextLen+1 each: the start token, which shares id 0 with no other token, and
// the caption, in which padding has an id of its own at each position.
func (m *DALLE) ids(text, image []int32, random *tensor.Generator) []int32 {
	n, cells := m.config.TextLen, m.config.Cells()
	if len(text) == 0 || len(text)%n != 0 || len(image)%cells != 0 || len(text)/n != len(image)/cells {
		panic(fmt.Sprintf("dalle: %d ids of text and %d codes, want %d and %d a picture", len(text), len(image), n, cells))
	}
	ids := make([]int32, 0, len(text)+len(text)/n)
	for caption := range slices.Chunk(text, n) {
		if random != nil && m.config.NullProb > 0 && uniform(random) < m.config.NullProb {
			caption = nil
		}
		ids = m.appendIDs(ids, caption)
	}
	return ids
}

// appendIDs appends the ids of one caption, of up to TextLen tokens.
func (m *DALLE) appendIDs(ids, caption []int32) []int32 {
	ids = append(ids, 0)
	for p := range m.config.TextLen {
		if p < len(caption) && caption[p] != 0 {
			ids = append(ids, caption[p])
		} else {
			ids = append(ids, int32(m.config.TextTokens+p))
		}
	}
	return ids
}

// forward returns what the output layers see [B, TextLen + cells, Dim], for ids of text and whole pictures.
func (m *DALLE) forward(ids, image []int32) *tensor.Tensor {
	cells := m.config.Cells()
	batch := len(image) / cells
	seen := make([]int32, 0, len(image))
	for codes := range slices.Chunk(image, cells) {
		seen = append(seen, codes[:cells-1]...)
	}
	x := tensor.Concat(1, m.embedText(ids, batch, 0), m.embedCodes(seen, batch, 0))
	if m.config.Stable {
		x = x.Scale(0.1).Add(x.Detach().Scale(0.9))
	}
	return m.finish(m.transformer.Forward(x, nil))
}

// finish is what happens between the transformer and the output layers.
func (m *DALLE) finish(x *tensor.Tensor) *tensor.Tensor {
	if m.config.Stable {
		x = byLargest(x)
	}
	return m.norm.Forward(x)
}

// byLargest divides each vector of x [B, n, Dim] by its largest element.
func byLargest(x *tensor.Tensor) *tensor.Tensor {
	return x.Div(x.MaxOver(-1).Reshape(x.Dim(0), x.Dim(1), 1))
}

// embedText returns the vectors [B, n, Dim] of ids of text from a position on.
func (m *DALLE) embedText(ids []int32, batch, first int) *tensor.Tensor {
	n := len(ids) / batch
	x := m.text.Forward(m.device.Ints(ids, batch, n))
	if m.textPosition != nil {
		x = x.Add(m.textPosition.Weight.Slice(0, first, first+n))
	}
	return x
}

// embedCodes returns the vectors [B, n, Dim] of codes from a cell on.
func (m *DALLE) embedCodes(codes []int32, batch, first int) *tensor.Tensor {
	n := len(codes) / batch
	x := m.image.Forward(m.device.Ints(codes, batch, n))
	if m.rowPosition != nil {
		x = x.Add(m.places(first, n))
	}
	return x
}

// places returns the learned positions [n, Dim] of cells from the first one on.
func (m *DALLE) places(first, n int) *tensor.Tensor {
	rows, columns := make([]int32, n), make([]int32, n)
	for i := range n {
		rows[i], columns[i] = int32((first+i)/m.config.Width), int32((first+i)%m.config.Width)
	}
	return m.rowPosition.Forward(m.device.Ints(rows)).Add(m.columnPosition.Forward(m.device.Ints(columns)))
}

// uniform draws a number in [0, 1).
func uniform(g *tensor.Generator) float64 { return float64(g.Intn(1<<53)) / (1 << 53) }

// Visit implements nn.Module.
func (m *DALLE) Visit(path string, f func(nn.Param)) {
	m.text.Visit(nn.Join(path, "text_embedding"), f)
	m.image.Visit(nn.Join(path, "image_embedding"), f)
	if m.textPosition != nil {
		m.textPosition.Visit(nn.Join(path, "text_position"), f)
		m.rowPosition.Visit(nn.Join(path, "row_position"), f)
		m.columnPosition.Visit(nn.Join(path, "column_position"), f)
	}
	m.transformer.Visit(nn.Join(path, "transformer"), f)
	m.norm.Visit(nn.Join(path, "norm"), f)
	m.textHead.visit(nn.Join(path, "text_head"), !m.config.ShareEmbeddings, f)
	m.imageHead.visit(nn.Join(path, "image_head"), !m.config.ShareEmbeddings, f)
}

// visit leaves out a weight that is an embedding's.
func (h head) visit(path string, own bool, f func(nn.Param)) {
	if own {
		f(nn.Param{Path: nn.Join(path, "weight"), Tensor: h.weight, Trainable: true})
	}
	f(nn.Param{Path: nn.Join(path, "bias"), Tensor: h.bias, Trainable: true})
}

// SetTraining implements nn.Module: dropout is for training only.
func (m *DALLE) SetTraining(on bool) { m.transformer.SetTraining(on) }
