package dalle

import (
	"context"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestBeginContinue generates pictures greedily by Begin and Continue, as Generate does.
func TestBeginContinue(t *testing.T) {
	d := golden.CPU(t)
	for name, change := range map[string]func(*Config){
		"rotary": nil, "learned positions": func(c *Config) { c.Transformer.Rotary = false },
		"shared, reversible": func(c *Config) {
			c.ShareEmbeddings, c.Transformer.Reversible, c.Transformer.ShiftTokens = true, true, false
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := build(t, d, small(change))
			captions := [][]int32{{3, 1, 4}, {}, {5, 9, 2, 6, 5}}
			var pictures []Picture
			var padded []int32
			for _, text := range captions {
				pictures = append(pictures, Picture{Text: text})
				padded = append(padded, append(slices.Clone(text), make([]int32, 5-len(text))...)...)
			}
			want, err := m.Generate(context.Background(), pictures, sampling.Options{Temperature: 0, Guidance: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			step := d.Scratch()
			defer step.End()
			logits, cache := m.Begin(d.Ints(padded, 3, 5))
			positions := m.CellPositions()
			for cell := range m.config.Cells() {
				codes := logits.ArgMax() // [3, 1]
				for i, code := range codes.IntValues() {
					if code != want[i][cell] {
						t.Fatalf("cell %d of picture %d has code %d, want %d", cell, i, code, want[i][cell])
					}
				}
				if cell == m.config.Cells()-1 {
					break
				}
				var position *tensor.Tensor
				if positions != nil {
					position = positions.Slice(0, cell, cell+1)
				}
				logits = m.Continue(codes, position, m.transformer.CacheOf(cache.Len(), cache.Tensors()))
				cache = m.transformer.CacheOf(cache.Len()+1, cache.Tensors())
			}
		})
	}
}
