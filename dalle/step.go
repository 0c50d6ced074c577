package dalle

import (
	"slices"

	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Begin reads captions, ints [N, TextLen] with 0 as padding. It returns the logits [N, 1, ImageCodes] of the first code and a cache
// for [DALLE.Continue], whose memory is that of the current step. It is what Generate does, with all arguments on the device.
func (m *DALLE) Begin(captions *tensor.Tensor) (logits *tensor.Tensor, cache *transformer.Cache) {
	c, n, d := m.config, captions.Dim(0), m.device
	there := slices.Repeat([]float32{1}, c.TextTokens)
	there[0] = 0
	token := d.From(there, c.TextTokens, 1).Embedding(captions)                    // [N, TextLen, 1], 0 for padding
	own := m.text.Forward(captions).Mul(token)                                     // [N, TextLen, Dim]
	padding := m.text.Weight.Slice(0, c.TextTokens, c.TextRows())                  // [TextLen, Dim], an id at each position
	x := own.Add(padding.Mul(token.Neg().AddScalar(1)))                            // [N, TextLen, Dim]
	start := m.text.Weight.Slice(0, 0, 1).Reshape(1, 1, -1).Expand(n, 1, x.Dim(2)) // id 0
	x = tensor.Concat(1, start, x)
	if m.textPosition != nil {
		x = x.Add(m.textPosition.Weight)
	}
	cache = m.transformer.NewCache(n)
	return m.next(x, cache, m.imageHead), cache
}

// Continue reads the code of a cell of each picture, ints [N, 1], and returns the logits [N, 1, ImageCodes] of the next one. position
// [1, Dim] is the cell's row of [DALLE.CellPositions]; nil if that is nil. The cache has the positions before the cell, and gets it.
func (m *DALLE) Continue(codes, position *tensor.Tensor, cache *transformer.Cache) *tensor.Tensor {
	x := m.image.Forward(codes) // [N, 1, Dim]
	if position != nil {
		x = x.Add(position)
	}
	return m.next(x, cache, m.imageHead)
}

// CellPositions returns the learned positions [Cells−1, Dim] of the cells that are read, all but the last; nil with rotary embeddings.
func (m *DALLE) CellPositions() *tensor.Tensor {
	if m.rowPosition == nil || m.config.Cells() < 2 {
		return nil
	}
	return m.cellPositions(0, m.config.Cells()-1)
}

// Transformer returns the transformer, which makes caches.
func (m *DALLE) Transformer() *transformer.Transformer { return m.transformer }
