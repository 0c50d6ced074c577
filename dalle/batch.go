package dalle

import (
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// batch is the state of Generate. With classifier-free guidance, the transformer's batch has each picture twice: first
// all of them with their captions, then all of them without.
type batch struct {
	model   *DALLE
	cache   *transformer.Cache
	options sampling.Options
	sampler *sampling.Sampler
	rows    int         // of the transformer's batch
	codes   [][]int32   // of each picture so far
	last    []int32     // the latest code of each row
	logits  []float32   // [rows, ImageCodes]
	device  *deviceDraw // samples on the device, instead of sampler, last and logits; or nil
}

func (m *DALLE) newBatch(pictures []Picture, o sampling.Options) *batch {
	b := &batch{model: m, options: o, sampler: sampling.New(o), rows: len(pictures)}
	if o.Guidance != 1 {
		b.rows *= 2
	}
	b.cache = m.transformer.NewCache(b.rows)
	if b.device = m.newDeviceDraw(pictures, o); b.device == nil {
		b.last, b.logits = make([]int32, b.rows), make([]float32, b.rows*m.config.ImageCodes)
	}
	for _, p := range pictures {
		b.codes = append(b.codes, append(make([]int32, 0, m.config.Cells()), p.Prime...))
	}
	return b
}

// prefill reads the captions and the codes that pictures begin with, and computes the logits of the next code.
func (b *batch) prefill(pictures []Picture) {
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
	b.extend(m.embed(ids, codes, b.rows, 0))
}

// next reads the latest codes, which are those of a cell, and computes the logits of the following ones.
func (b *batch) next(cell int) {
	step := b.model.device.Scratch()
	defer step.End()
	if b.device != nil {
		b.extend(b.device.embed(b.model, cell))
	} else {
		b.extend(b.model.embed(nil, b.last, b.rows, b.cache.Len()))
	}
}

// extend reads x [rows, n, Dim] and keeps the logits of the next code, or samples it on the device.
func (b *batch) extend(x *tensor.Tensor) {
	logits := b.model.next(x, b.cache, b.model.imageHead) // [rows, 1, ImageCodes]
	if b.device != nil {
		b.device.draw(logits)
	} else {
		logits.CopyTo(b.logits)
	}
}

// sample samples a code of each picture, so that each has done codes. Codes that are sampled on the device are read at
// the end of a row only, since that waits for the device.
func (b *batch) sample(pictures []Picture, done int) error {
	if b.device != nil {
		if done%b.model.config.Width != 0 {
			return nil
		}
		return b.device.read(b.codes)
	}
	n := b.model.config.ImageCodes
	for i := range pictures {
		logits := b.logits[i*n : (i+1)*n]
		if null := i + len(pictures); null < b.rows { // the row without the caption
			b.options.Guide(logits, b.logits[null*n:(null+1)*n])
		}
		code, err := b.sampler.Sample(logits, pictures[i].Random)
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
