package dalle

import (
	"context"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// CompleteText continues a caption, given by its first ids, until the model ends it with padding or it has TextLen ids.
// It returns TextLen ids, with 0 for padding. Guidance must be 1, or 0. Errors are those of Generate.
func (m *DALLE) CompleteText(ctx context.Context, prefix []int32, o sampling.Options, random *tensor.Generator) (caption []int32, err error) {
	defer fault.Catch(&err)
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Guidance != 0 && o.Guidance != 1 {
		return nil, fault.Field("Guidance", o.Guidance, "must be 1 (off): captions are completed without guidance")
	}
	if err := m.checkText(prefix); err != nil {
		return nil, err
	}
	if random == nil && o.Temperature != 0 {
		return nil, fault.Field("Random", nil, "must not be nil unless Temperature is 0")
	}
	prefix = prefix[:len(prefix)-trailingZeros(prefix)]
	caption = make([]int32, m.config.TextLen)
	copy(caption, prefix)
	sampler, logits := sampling.New(o), make([]float32, m.config.TextRows())
	step := m.device.Scratch() // holds the cache
	defer step.End()
	cache := m.transformer.NewCache(1)
	for p := len(prefix); p < m.config.TextLen; p++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ids := m.appendIDs(nil, caption)
		m.readText(ids[cache.Len():p+1], cache, logits)
		// Token 0 is never predicted: the padding of this position takes its place and ends the caption.
		logits[0] = logits[m.config.TextTokens+p]
		id, err := sampler.Sample(logits[:m.config.TextTokens], random)
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

// readText reads ids of text after those in the cache and writes the logits of the next one.
func (m *DALLE) readText(ids []int32, cache *transformer.Cache, logits []float32) {
	step := m.device.Scratch()
	defer step.End()
	m.next(m.embed(ids, nil, 1, cache.Len()), cache, m.textHead).CopyTo(logits)
}

// trailingZeros returns the number of zeros at the end of ids.
func trailingZeros(ids []int32) int {
	for i, id := range slices.Backward(ids) {
		if id != 0 {
			return len(ids) - 1 - i
		}
	}
	return len(ids)
}
