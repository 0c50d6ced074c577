// Package caption prepares captions for bidirectional transformers over a caption and a picture: batches are trimmed to
// their longest caption, padding is masked, and a caption may be dropped for classifier-free guidance.
package caption

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Batch holds N captions of n ids each. The empty caption is the id Null alone.
type Batch struct {
	N, Len int       // captions, and n: ids of the longest one
	IDs    []int32   // [N, n], −1 for padding
	Keep   []int32   // [N, n], 0 for padding
	Mean   []float32 // [N, 1, n], weights that average the ids of a caption
}

// New makes a batch. Ids of 0 at the end of a caption are padding. null is the id of the empty caption, which is not one
// of the tokenizer's.
func New(captions [][]int32, null int32) *Batch {
	own := make([][]int32, len(captions))
	b := &Batch{N: len(captions)}
	for i, ids := range captions {
		for len(ids) > 0 && ids[len(ids)-1] == 0 {
			ids = ids[:len(ids)-1]
		}
		if own[i] = ids; len(ids) == 0 {
			own[i] = []int32{null}
		}
		b.Len = max(b.Len, len(own[i]))
	}
	b.IDs = make([]int32, 0, b.N*b.Len)
	for _, ids := range own {
		for p := range b.Len {
			id, keep, weight := int32(-1), int32(0), float32(0)
			if p < len(ids) {
				id, keep, weight = ids[p], 1, 1/float32(len(ids))
			}
			b.IDs, b.Keep, b.Mean = append(b.IDs, id), append(b.Keep, keep), append(b.Mean, weight)
		}
	}
	return b
}

// Split cuts ids [N, length] into captions. It replaces each by the empty caption with probability drop, by random
// numbers that may be nil if drop is 0 or no caption is to be dropped.
func Split(ids []int32, length int, drop float64, random *tensor.Generator) [][]int32 {
	if len(ids) == 0 || len(ids)%length != 0 {
		panic(fmt.Sprintf("caption: %d ids are not captions of %d", len(ids), length))
	}
	all := slices.Collect(slices.Chunk(ids, length))
	if random == nil || drop <= 0 {
		return all
	}
	engine.Rows(random, len(all), func(i int) {
		if dropped := sampling.Uniform(random) < drop; dropped && i >= 0 {
			all[i] = nil
		}
	})
	return all
}

// KeepWith returns the mask [N, n+more] of sequences of a caption and more positions after it, which are all kept; nil if
// no caption has padding.
func (b *Batch) KeepWith(d *tensor.Device, more int) *tensor.Tensor {
	if !slices.Contains(b.Keep, 0) {
		return nil
	}
	keep := make([]int32, 0, b.N*(b.Len+more))
	for own := range slices.Chunk(b.Keep, b.Len) {
		keep = append(keep, own...)
		for range more {
			keep = append(keep, 1)
		}
	}
	return d.Ints(keep, b.N, b.Len+more)
}

// Check returns a [*fault.FieldError] of Text unless a caption has at most length ids from 0 to tokens−1.
func Check(ids []int32, length, tokens int) error {
	if len(ids) > length {
		return fault.Field("Text", nil, "has %d tokens, but this model reads %d; shorten it", len(ids), length)
	}
	for _, id := range ids {
		if id < 0 || int(id) >= tokens {
			return fault.Field("Text", nil, "has token %d, but this model has 0 to %d; use the tokenizer that it was trained with", id, tokens-1)
		}
	}
	return nil
}
