package dalle

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// batch is the state of Generate. The transformer's batch has a row for each picture and its caption, and then a row
// without the caption, its twin, for each picture with classifier-free guidance.
type batch struct {
	model   *DALLE
	cache   *transformer.Cache
	options []sampling.Options // of each picture
	sampler []*sampling.Sampler
	twins   []int       // row of each picture's twin, or 0
	rows    int         // of the transformer's batch
	codes   [][]int32   // of each picture so far
	last    []int32     // the latest code of each row
	logits  []float32   // [rows, ImageCodes]
	device  *deviceDraw // samples on the device, instead of sampler, last and logits; or nil
}

func (m *DALLE) newBatch(pictures []Picture, o sampling.Options) *batch {
	b := &batch{model: m, rows: len(pictures)}
	alike := map[sampling.Options]*sampling.Sampler{}
	for _, p := range pictures {
		own, twin := p.options(o), 0
		if own.Guidance != 1 {
			twin = b.rows
			b.rows++
		}
		if alike[own] == nil {
			alike[own] = sampling.New(own)
		}
		b.options, b.sampler, b.twins = append(b.options, own), append(b.sampler, alike[own]), append(b.twins, twin)
	}
	if len(alike) == 1 { // a device samples all pictures alike
		b.device = m.newDeviceDraw(pictures, b.options[0])
	}
	if b.device == nil {
		b.last, b.logits = make([]int32, b.rows), make([]float32, b.rows*m.config.ImageCodes)
	}
	for _, p := range pictures {
		b.codes = append(b.codes, append(make([]int32, 0, m.config.Cells()), p.Prime...))
	}
	return b
}

// prefill reads the captions and the codes that pictures begin with, and computes the logits of the next code. Rows that begin
// alike, such as all twins, are computed once.
func (b *batch) prefill(pictures []Picture) {
	m := b.model
	var ids, codes []int32
	var first []int32 // of each row, its place among those that differ
	places := map[string]int32{}
	add := func(text, prime []int32) {
		beginning := fmt.Sprint(text, prime)
		place, known := places[beginning]
		if !known {
			place = int32(len(places))
			places[beginning] = place
			ids, codes = m.appendIDs(ids, text), append(codes, prime...)
		}
		first = append(first, place)
	}
	for _, p := range pictures {
		add(p.Text, p.Prime)
	}
	for i, twin := range b.twins {
		if twin != 0 {
			add(nil, pictures[i].Prime)
		}
	}
	b.cache = m.transformer.NewCache(len(places))
	rows := m.device.Ints(first)
	func() {
		step := m.device.Scratch()
		defer step.End()
		logits := m.next(m.embed(ids, codes, len(places), 0), b.cache, m.imageHead)
		if len(places) < b.rows {
			logits = logits.Gather(0, rows)
		}
		b.keep(logits)
	}()
	if len(places) < b.rows {
		b.cache = b.cache.Spread(rows)
	}
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
	b.keep(b.model.next(x, b.cache, b.model.imageHead))
}

// keep keeps logits [rows, 1, ImageCodes], or samples codes on the device.
func (b *batch) keep(logits *tensor.Tensor) {
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
		twin := b.twins[i]
		if twin != 0 {
			b.options[i].Guide(logits, b.logits[twin*n:(twin+1)*n])
		}
		code, err := b.sampler[i].Sample(logits, pictures[i].Random)
		if err != nil {
			return err
		}
		b.codes[i] = append(b.codes[i], code)
		b.last[i] = code
		if twin != 0 {
			b.last[twin] = code
		}
	}
	return nil
}
