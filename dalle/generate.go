package dalle

import (
	"context"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Picture is one to generate.
type Picture struct {
	Text   []int32           // the caption, up to TextLen ids; 0 is padding
	Prime  []int32           // codes that it begins with, row by row; as many for each picture of a batch, none for a new one
	Random *tensor.Generator // draws the codes, and those of no other picture; not needed at temperature 0
}

// RowFunc is told when the first rows of codes of all pictures of a batch are there; codes holds what there is of each
// picture so far, to be read only during the call.
type RowFunc func(rows int, codes [][]int32)

// Generate draws pictures together and returns the Height·Width codes of each, row by row. Each picture has its own
// random numbers, so it doesn't matter which others there are, but for the rounding of sums. row may be nil.
func (m *DALLE) Generate(ctx context.Context, pictures []Picture, s Sampling, row RowFunc) ([][]int32, error) {
	if err := m.checkPictures(pictures, s); err != nil {
		return nil, err
	}
	if len(pictures) == 0 {
		return nil, nil
	}
	b := m.newBatch(pictures, s)
	primed := len(pictures[0].Prime)
	for done := primed; done < m.config.Cells(); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if done == primed {
			b.begin(pictures)
		} else {
			b.next(done - 1)
		}
		done++
		if err := b.draw(pictures, done); err != nil {
			return nil, err
		}
		if row != nil && done%m.config.Width == 0 {
			row(done/m.config.Width, b.codes)
		}
	}
	return b.codes, nil
}

func (m *DALLE) checkPictures(pictures []Picture, s Sampling) error {
	if err := s.Validate(); err != nil {
		return err
	}
	for i, p := range pictures {
		if err := m.checkText(p.Text); err != nil {
			return err
		}
		if len(p.Prime) != len(pictures[0].Prime) {
			return fmt.Errorf("picture %d begins with %d codes and picture 1 with %d; generate pictures together that begin with as many", i+1, len(p.Prime), len(pictures[0].Prime))
		}
		if len(p.Prime) >= m.config.Cells() {
			return fmt.Errorf("picture %d begins with %d codes, but this model's pictures have %d; leave something to generate", i+1, len(p.Prime), m.config.Cells())
		}
		for _, code := range p.Prime {
			if code < 0 || int(code) >= m.config.ImageCodes {
				return fmt.Errorf("picture %d begins with code %d, but this model knows 0 to %d; use the discrete VAE that it was trained with", i+1, code, m.config.ImageCodes-1)
			}
		}
	}
	return nil
}

func (m *DALLE) checkText(text []int32) error {
	if len(text) > m.config.TextLen {
		return fmt.Errorf("the prompt has %d tokens, but this model reads %d; shorten it", len(text), m.config.TextLen)
	}
	for _, id := range text {
		if id < 0 || int(id) >= m.config.TextTokens {
			return fmt.Errorf("the prompt has token %d, but this model knows 0 to %d; use the tokenizer that it was trained with", id, m.config.TextTokens-1)
		}
	}
	return nil
}

// batch is the state of Generate. With guidance, the transformer's batch has each picture twice: all of them with their
// captions, and then all of them without.
type batch struct {
	model   *DALLE
	cache   *transformer.Cache
	sampler sampler
	rows    int // of the transformer's batch
	codes   [][]int32
	last    []int32     // the latest code of each row
	logits  []float32   // [rows, ImageCodes]
	there   *deviceDraw // draws in the place of sampler; last and logits are not used then
}

func (m *DALLE) newBatch(pictures []Picture, s Sampling) *batch {
	b := &batch{model: m, sampler: sampler{Sampling: s}, rows: len(pictures)}
	if s.Guidance != 1 {
		b.rows *= 2
	}
	b.cache = m.transformer.NewCache(b.rows)
	if b.there = m.newDeviceDraw(pictures, s); b.there == nil {
		b.last, b.logits = make([]int32, b.rows), make([]float32, b.rows*m.config.ImageCodes)
	}
	for _, p := range pictures {
		b.codes = append(b.codes, append(make([]int32, 0, m.config.Cells()), p.Prime...))
	}
	return b
}

// begin reads the captions and the codes that pictures begin with, and computes the logits of the first code to draw.
func (b *batch) begin(pictures []Picture) {
	m := b.model
	var ids, codes []int32
	for row := range b.rows {
		p := pictures[row%len(pictures)]
		caption := p.Text
		if row >= len(pictures) {
			caption = nil
		}
		ids, codes = m.appendIDs(ids, caption), append(codes, p.Prime...)
	}
	step := m.device.Scratch()
	defer step.End()
	x := m.embedText(ids, b.rows, 0)
	if len(codes) > 0 {
		x = tensor.Concat(1, x, m.embedCodes(codes, b.rows, 0))
	}
	b.extend(x)
}

// next reads the codes drawn last, of a cell, and computes the logits of the following ones.
func (b *batch) next(cell int) {
	step := b.model.device.Scratch()
	defer step.End()
	if b.there != nil {
		b.extend(b.there.embed(b.model, cell))
	} else {
		b.extend(b.model.embedCodes(b.last, b.rows, cell))
	}
}

func (b *batch) extend(x *tensor.Tensor) {
	logits := b.model.extend(x, b.cache, b.model.imageHead)
	if b.there != nil {
		b.there.draw(logits)
	} else {
		logits.CopyTo(b.logits)
	}
}

// extend reads x [B, n, Dim] after what the cache has, and returns the logits [B, 1, V] of what comes next.
func (m *DALLE) extend(x *tensor.Tensor, cache *transformer.Cache, h head) *tensor.Tensor {
	y, twin := m.transformer.ExtendStreams(x, cache)
	if n := y.Dim(1); n > 1 {
		y = y.Slice(1, n-1, n)
		if twin != nil {
			twin = twin.Slice(1, n-1, n)
		}
	}
	if m.config.Stable {
		if twin != nil {
			y, twin = y.Add(twin).Scale(0.5), nil
		}
		y = byLargest(y)
	}
	return y.Project(tensor.Projection{
		Weight: h.weight, Transposed: true, Bias: h.bias, Twin: twin, Gamma: m.norm.Weight, Beta: m.norm.Bias, Eps: m.norm.Eps,
	})
}

// draw draws a code of each picture, so that they have done codes. Where that happens on the device, it is waited for at the end
// of a row.
func (b *batch) draw(pictures []Picture, done int) error {
	if b.there == nil {
		return b.drawAll(pictures)
	}
	if done%b.model.config.Width != 0 {
		return nil
	}
	return b.there.read(b.codes)
}

// drawAll draws a code of each picture from the logits.
func (b *batch) drawAll(pictures []Picture) error {
	n := b.model.config.ImageCodes
	for i := range pictures {
		logits := b.logits[i*n : (i+1)*n]
		if twin := i + len(pictures); twin < b.rows {
			b.sampler.guided(logits, b.logits[twin*n:(twin+1)*n])
		}
		code, err := b.sampler.draw(logits, pictures[i].Random)
		if err != nil {
			return err
		}
		b.codes[i] = append(b.codes[i], code)
		for row := i; row < b.rows; row += len(pictures) {
			b.last[row] = code
		}
	}
	return nil
}

// CompleteText continues a caption, given by its first ids, until the model ends it with padding or it is TextLen ids
// long. The result is TextLen ids, with 0 for padding.
func (m *DALLE) CompleteText(ctx context.Context, prefix []int32, s Sampling, random *tensor.Generator) ([]int32, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if err := m.checkText(prefix); err != nil {
		return nil, err
	}
	prefix = prefix[:len(prefix)-trailing(prefix)]
	caption := make([]int32, m.config.TextLen)
	copy(caption, prefix)
	tokens, logits := sampler{Sampling: s}, make([]float32, m.config.textRows())
	cache := m.transformer.NewCache(1)
	for p := len(prefix); p < m.config.TextLen; p++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ids := m.appendIDs(nil, caption)
		m.readText(ids[cache.Len():p+1], cache, logits)
		// Token 0 is never predicted as such: its place is taken by the padding of this position, the caption's end.
		logits[0] = logits[m.config.TextTokens+p]
		id, err := tokens.draw(logits[:m.config.TextTokens], random)
		if err != nil {
			return nil, err
		}
		if id == 0 {
			break
		}
		caption[p] = id
	}
	return caption, nil
}

// readText reads ids of text after those in the cache and sets the logits of the one after them.
func (m *DALLE) readText(ids []int32, cache *transformer.Cache, logits []float32) {
	step := m.device.Scratch()
	defer step.End()
	m.extend(m.embedText(ids, 1, cache.Len()), cache, m.textHead).CopyTo(logits)
}

// trailing is the number of zeros at the end of ids.
func trailing(ids []int32) int {
	for i, id := range slices.Backward(ids) {
		if id != 0 {
			return len(ids) - 1 - i
		}
	}
	return len(ids)
}
