package dalle

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn/sampling"
)

// Logits with a KV cache equal those of the whole sequence: for prompts read at once, codes one by one, and pictures that
// begin with given codes, in batches.
func TestCachedLogits(t *testing.T) {
	const batch = 3
	for name, c := range variants() {
		for _, primed := range []int{0, c.Width + 2} {
			t.Run(fmt.Sprintf("%s/primed %d", name, primed), func(t *testing.T) {
				d := golden.CPU(t)
				m := build(t, d, c)
				text, image := example(c, batch)
				_, want := m.Logits(text, image)
				pictures := make([]Picture, batch)
				for i := range pictures {
					pictures[i].Text = text[i*c.TextLen : (i+1)*c.TextLen]
					pictures[i].Prime = image[i*c.Cells() : i*c.Cells()+primed]
				}
				b := m.newBatch(pictures, sampling.Default())
				b.prefill(pictures)
				for cell := primed; ; cell++ {
					golden.Near(t, fmt.Sprint("logits of cell ", cell), b.logits, want.Slice(1, cell, cell+1).Values(), 1e-4)
					if cell == c.Cells()-1 {
						break
					}
					for i := range batch {
						b.last[i] = image[i*c.Cells()+cell]
					}
					b.next(cell)
				}
			})
		}
	}
}

// Reading a caption token by token gives the same logits as reading it at once.
func TestCachedText(t *testing.T) {
	for name, c := range variants() {
		t.Run(name, func(t *testing.T) {
			d := golden.CPU(t)
			m := build(t, d, c)
			text, image := example(c, 1)
			want, _ := m.Logits(text, image)
			cache := m.transformer.NewCache(1)
			logits := make([]float32, c.TextRows())
			ids := m.appendIDs(nil, text)
			for p := range c.TextLen {
				m.readText(ids[p:p+1], cache, logits)
				golden.Near(t, fmt.Sprint("logits of token ", p), logits, want.Slice(1, p, p+1).Values(), 1e-4)
			}
			cache = m.transformer.NewCache(1)
			m.readText(ids[:c.TextLen], cache, logits)
			golden.Near(t, "logits of the last token, read at once", logits, want.Slice(1, c.TextLen-1, c.TextLen).Values(), 1e-4)
		})
	}
}

// A code changes no logits before it, and some after.
func TestCausality(t *testing.T) {
	for name, c := range variants() {
		t.Run(name, func(t *testing.T) {
			d := golden.CPU(t)
			m := build(t, d, c)
			text, image := example(c, 1)
			both := func() (all [][]float32) {
				ofText, ofImage := m.Logits(text, image)
				for p := range c.TextLen {
					all = append(all, ofText.Slice(1, p, p+1).Values())
				}
				for p := range c.Cells() {
					all = append(all, ofImage.Slice(1, p, p+1).Values())
				}
				return all
			}
			before := both()
			for token := range c.TextLen + c.Cells() - 1 { // the last code is only predicted
				sequence, at, ids := text, token, c.TextTokens
				if token >= c.TextLen {
					sequence, at, ids = image, token-c.TextLen, c.ImageCodes
				}
				old := sequence[at]
				sequence[at] = (old + 1) % int32(ids)
				after := both()
				sequence[at] = old
				moved := -1
				for p := range after {
					if !slices.Equal(after[p], before[p]) {
						moved = p
						break
					}
				}
				// Logits at place p predict token p, from the tokens before it.
				if moved != token+1 {
					t.Errorf("token %d first changes the prediction of token %d, want %d", token, moved, token+1)
				}
			}
		})
	}
}
