package cputest

import (
	"math/rand/v2"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Mask is a kernel.AttentionMask of as many queries as keys, whose buffers are slices.
type Mask struct {
	Positions                        int
	Rows, Bits, Order, Starts, Tiles []int32 // Order is nil where places are positions
}

// RandomMask draws a mask of n×n positions, with tiles that are full, empty and mixed, and places out of order if that is wanted.
func RandomMask(rng *rand.Rand, n int, shuffled bool) Mask {
	const tile = kernel.AttentionTile // a word of bits is as wide
	words := (n + tile - 1) / tile
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	m := Mask{Positions: n, Rows: make([]int32, n*words), Bits: make([]int32, n*words), Starts: []int32{0}}
	if shuffled {
		rng.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
		m.Order = order
	}
	for qt := range words {
		for kt := range words {
			kind := rng.IntN(3) // nothing, something, all
			for q := qt * tile; q < min(n, qt*tile+tile); q++ {
				for k := kt * tile; k < min(n, kt*tile+tile); k++ {
					if kind == 2 || kind == 1 && rng.IntN(3) > 0 {
						m.Bits[q*words+kt] |= 1 << (k % tile)
						m.Rows[int(order[q])*words+int(order[k])/tile] |= 1 << (order[k] % tile)
					}
				}
			}
			if kind > 0 {
				m.Tiles = append(m.Tiles, int32(2*kt+kind-1))
			}
		}
		m.Starts = append(m.Starts, int32(len(m.Tiles)))
	}
	return m
}

// On returns the mask in buffers that ints makes.
func (m Mask) On(ints func([]int32) kernel.Buffer) *kernel.AttentionMask {
	mask := &kernel.AttentionMask{
		Queries: m.Positions, Keys: m.Positions, Rows: ints(m.Rows), Bits: ints(m.Bits), Starts: ints(m.Starts), Tiles: ints(m.Tiles),
	}
	if m.Order != nil {
		mask.Order = ints(m.Order)
	}
	return mask
}
