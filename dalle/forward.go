package dalle

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/caption"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Loss returns the mean cross-entropies, in nats, of the tokens of captions and of the codes of their pictures, and loss,
// the mean of the two with weights 1 and Config.ImageLossWeight. text holds TextLen ids of each caption, 0 for padding,
// and image the Height·Width codes of each picture, row by row. random decides which captions are replaced by the empty
// one, with probability Config.NullProb, which classifier-free guidance needs; nil keeps all.
//
// With Config.Stable, the gradient of the embeddings is a tenth of its value, and vectors are divided by their largest
// element before the output layers (Ding et al., 2021).
func (m *DALLE) Loss(text, image []int32, random *tensor.Generator) (loss, textLoss, imageLoss *tensor.Tensor) {
	ids := m.ids(text, image, random)
	x := m.hidden(ids, image) // [B, TextLen + cells, Dim]
	split := m.config.TextLen
	labels := make([]int32, 0, len(text))
	for row := range slices.Chunk(ids, split+1) {
		labels = append(labels, row[1:]...)
	}
	textLoss = transformer.LinearCrossEntropy(x.Slice(1, 0, split), m.textHead.weight, m.textHead.bias, labels)
	imageLoss = transformer.LinearCrossEntropy(x.Slice(1, split, x.Dim(1)), m.imageHead.weight, m.imageHead.bias, image)
	weight := m.config.ImageLossWeight
	return textLoss.Add(imageLoss.Scale(weight)).Scale(1 / (1 + weight)), textLoss, imageLoss
}

// Logits returns the logits of the tokens of captions [B, TextLen, TextRows] and of the codes of pictures
// [B, Height·Width, ImageCodes], each predicted from the tokens before it. The arguments are those of Loss.
func (m *DALLE) Logits(text, image []int32) (ofText, ofImage *tensor.Tensor) {
	x := m.hidden(m.ids(text, image, nil), image) // [B, TextLen + cells, Dim]
	split := m.config.TextLen
	return m.textHead.logits(x.Slice(1, 0, split)), m.imageHead.logits(x.Slice(1, split, x.Dim(1)))
}

func (h head) logits(x *tensor.Tensor) *tensor.Tensor { return x.MatMulT(h.weight).Add(h.bias) }

// hidden returns the input of the output layers [B, TextLen + cells, Dim] for whole sequences.
func (m *DALLE) hidden(ids, image []int32) *tensor.Tensor {
	cells := m.config.Cells()
	seen := make([]int32, 0, len(image)) // all codes but the last of each picture, which predicts nothing
	for codes := range slices.Chunk(image, cells) {
		seen = append(seen, codes[:cells-1]...)
	}
	y, _ := m.forward(m.embed(ids, seen, len(image)/cells, 0), nil)
	return m.norm.Forward(y)
}

// next returns the logits [B, 1, V] of the token after x [B, n, Dim], the positions after those in the cache.
func (m *DALLE) next(x *tensor.Tensor, cache *transformer.Cache, h head) *tensor.Tensor {
	y, twin := m.forward(x, cache)
	return transformer.Projection{ // norm((y + twin)/2)·weightᵀ + bias in one kernel
		Weight: h.weight, Transposed: true, Bias: h.bias, Twin: twin, Gamma: m.norm.Weight, Beta: m.norm.Bias, Eps: m.norm.Eps,
	}.Apply(y)
}

// forward runs the transformer over x [B, n, Dim]. Without a cache, x are whole sequences, and the result is
// y [B, n, Dim], with gradients. With a cache, x are the positions after those in it, and only the last one is returned:
// y [B, 1, Dim], or the mean of y and twin unless twin is nil.
func (m *DALLE) forward(x *tensor.Tensor, cache *transformer.Cache) (y, twin *tensor.Tensor) {
	stable := m.config.Stable
	if stable && cache == nil {
		x = x.Scale(0.1).Add(x.Detach().Scale(0.9)) // the same value with a tenth of the gradient
	}
	y, twin = m.transformer.Streams(x, nil, cache)
	if n := y.Dim(1); cache != nil && n > 1 {
		y = y.Slice(1, n-1, n) // [B, 1, Dim]
		if twin != nil {
			twin = twin.Slice(1, n-1, n)
		}
	}
	if twin != nil && (stable || cache == nil) {
		y, twin = y.Add(twin).Scale(0.5), nil
	}
	if stable {
		y = y.Div(y.MaxOver(-1).Reshape(y.Dim(0), y.Dim(1), 1))
	}
	return y, twin
}

// embed returns the vectors [B, n, Dim] of tokens from position first on: ids of text, then codes. Either may be empty.
func (m *DALLE) embed(ids, codes []int32, batch, first int) *tensor.Tensor {
	if len(codes) == 0 {
		return m.embedText(ids, batch, first)
	}
	cell := max(0, first-m.config.TextLen-1)
	if len(ids) == 0 {
		return m.embedCodes(codes, batch, cell)
	}
	return tensor.Concat(1, m.embedText(ids, batch, first), m.embedCodes(codes, batch, cell))
}

// embedText returns the vectors [B, n, Dim] of ids of text from a position on.
func (m *DALLE) embedText(ids []int32, batch, first int) *tensor.Tensor {
	n := len(ids) / batch
	x := m.text.Forward(m.device.Ints(ids, batch, n)) // [B, n, Dim]
	if m.textPosition != nil {
		x = x.Add(m.textPosition.Weight.Slice(0, first, first+n))
	}
	return x
}

// embedCodes returns the vectors [B, n, Dim] of codes from a cell on.
func (m *DALLE) embedCodes(codes []int32, batch, first int) *tensor.Tensor {
	n := len(codes) / batch
	x := m.image.Forward(m.device.Ints(codes, batch, n)) // [B, n, Dim]
	if m.rowPosition != nil {
		x = x.Add(m.cellPositions(first, n))
	}
	return x
}

// cellPositions returns the learned positions [n, Dim] of cells from the first one on.
func (m *DALLE) cellPositions(first, n int) *tensor.Tensor {
	rows, columns := make([]int32, n), make([]int32, n)
	for i := range n {
		rows[i], columns[i] = int32((first+i)/m.config.Width), int32((first+i)%m.config.Width)
	}
	return m.rowPosition.Forward(m.device.Ints(rows)).Add(m.columnPosition.Forward(m.device.Ints(columns)))
}

// ids returns the ids of text of whole sequences, TextLen+1 each. See appendIDs.
func (m *DALLE) ids(text, image []int32, random *tensor.Generator) []int32 {
	n, cells := m.config.TextLen, m.config.Cells()
	if len(text) == 0 || len(text)%n != 0 || len(image)%cells != 0 || len(text)/n != len(image)/cells {
		panic(fmt.Sprintf("dalle: %d ids of text and %d codes, want %d and %d for each picture", len(text), len(image), n, cells))
	}
	ids := make([]int32, 0, len(text)+len(text)/n)
	for _, own := range caption.Split(text, n, m.config.NullProb, random) {
		ids = m.appendIDs(ids, own)
	}
	return ids
}

// appendIDs appends the ids of one caption of up to TextLen tokens: the start token, which is id 0 and used for nothing
// else, then the tokens. Padding has an id of its own at each position.
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
