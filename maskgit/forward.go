package maskgit

import (
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/caption"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Masked takes the place of a code that is not known.
const Masked = -1

// Logits returns the logits [M, ImageCodes] of the M masked codes of pictures, in their order. codes holds Height·Width
// codes of each picture, row by row, some of them [Masked]; captions the ids of the caption of each, up to TextLen, with
// zeros at the end as padding. A caption without ids is the empty one.
func (m *Model) Logits(codes []int32, captions [][]int32) *tensor.Tensor {
	c, n := m.config, len(captions)
	if n == 0 || len(codes) != n*c.Cells() {
		panic(fmt.Sprintf("maskgit: %d codes and %d captions, want %d codes of each picture", len(codes), n, c.Cells()))
	}
	text := caption.New(captions, int32(c.TextTokens))
	ids := slices.Clone(codes)
	var masked []int32 // rows of the transformer's output that have logits, of [N·(L+cells)]
	for i, code := range codes {
		if code == Masked {
			ids[i] = int32(c.ImageCodes)
			masked = append(masked, int32(i+(i/c.Cells()+1)*text.Len))
		}
	}
	x := m.hidden(m.device.Ints(text.IDs, n, text.Len), m.device.Ints(ids, n, c.Cells()), text.KeepWith(m.device, c.Cells()))
	x = x.Reshape(n*x.Dim(1), c.Transformer.Dim).Gather(0, m.device.Ints(masked)) // [M, Dim]
	return m.head.Forward(m.norm.Forward(x))
}

// hidden returns the transformer's output [N, L+cells, Dim] for captions, ints [N, L], codes, ints [N, cells], and keep as of
// LogitsOf.
func (m *Model) hidden(captions, codes, keep *tensor.Tensor) *tensor.Tensor {
	x := m.text.Forward(captions).Add(m.textPosition.Weight.Slice(0, 0, captions.Dim(1))) // [N, L, Dim]
	y := m.image.Forward(codes)                                                           // [N, cells, Dim]
	y = y.Add(m.row.Forward(m.places[0]).Add(m.column.Forward(m.places[1])))
	return m.transformer.Forward(tensor.Concat(1, x, y), keep, nil)
}

// LogitsOf returns the logits [N, cells, ImageCodes] of all codes, masked or not, with all arguments on the device: captions, ints
// [N, L], where TextTokens alone is the empty caption; codes, ints [N, cells], where ImageCodes is a masked one; and keep, ints
// [N, L+cells], 0 for padding of the captions.
func (m *Model) LogitsOf(captions, codes, keep *tensor.Tensor) *tensor.Tensor {
	x := m.hidden(captions, codes, keep)
	return m.head.Forward(m.norm.Forward(x.Slice(1, captions.Dim(1), x.Dim(1))))
}

// Loss returns the mean cross-entropy of masked codes with label smoothing, in nats, and plain, the same without it. text
// holds TextLen ids of each caption, 0 for padding, and codes the Height·Width codes of each picture, row by row. random
// decides which codes are masked and which captions are replaced by the empty one, with probability Config.NullProb.
func (m *Model) Loss(text, codes []int32, random *tensor.Generator) (loss, plain *tensor.Tensor) {
	share := make([]float64, len(codes)/m.config.Cells())
	captions := caption.Split(text, m.config.TextLen, m.config.NullProb, random)
	engine.Rows(random, len(share), func(i int) {
		if u := sampling.Uniform(random); i >= 0 {
			share[i] = math.Cos(math.Pi / 2 * u)
		}
	})
	return m.lossOf(captions, codes, share, random)
}

// HeldOutLoss is Loss without dropped captions and with evenly spaced shares of masked codes, so that it varies less. first
// is the number of pictures before these, which the shares depend on.
func (m *Model) HeldOutLoss(text, codes []int32, first int, random *tensor.Generator) (loss, plain *tensor.Tensor) {
	const strata = 16
	share := make([]float64, len(codes)/m.config.Cells())
	for i := range share {
		share[i] = math.Cos(math.Pi / 2 * (float64((first+i)*7%strata) + 0.5) / strata)
	}
	return m.lossOf(caption.Split(text, m.config.TextLen, 0, nil), codes, share, random)
}

// lossOf is Loss with the given share of codes masked in each picture.
func (m *Model) lossOf(captions [][]int32, codes []int32, share []float64, random *tensor.Generator) (loss, plain *tensor.Tensor) {
	cells := m.config.Cells()
	hidden := slices.Clone(codes)
	engine.Rows(random, len(share), func(i int) {
		order := random.Permutation(cells)
		if i < 0 {
			return
		}
		n := min(cells, max(1, int(math.Ceil(share[i]*float64(cells)))))
		for _, cell := range order[:n] {
			hidden[i*cells+int(cell)] = Masked
		}
	})
	var labels []int32
	for i, code := range hidden {
		if code == Masked {
			labels = append(labels, codes[i])
		}
	}
	logits := m.Logits(hidden, captions) // [M, ImageCodes]
	weight := ranks.Weight(m.device, len(labels))
	plain = logits.CrossEntropy(m.device.Ints(labels)).Mean().Scale(weight)
	e := m.config.LabelSmoothing
	if e == 0 {
		return plain, plain
	}
	spread := logits.LogSoftmax(-1).Mean().Neg().Scale(weight) // cross-entropy with the uniform distribution
	return plain.Scale(1 - e).Add(spread.Scale(e)), plain
}
