package portable

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/philox"
)

// Uniform implements kernel.Random.
func (d *Device[F]) Uniform(key, offset uint64, y kernel.Buffer) {
	d.draw(key, offset, Floats[F](y), philox.Uniform)
}

// Normal implements kernel.Random.
func (d *Device[F]) Normal(key, offset uint64, y kernel.Buffer) {
	d.draw(key, offset, Floats[F](y), philox.Normal)
}

// draw fills y with the numbers that block returns.
func (d *Device[F]) draw(key, offset uint64, y []F, block func(key, counter uint64) [4]float32) {
	d.pool.For(len(y), Grain, func(lo, hi int) {
		EachBlock(key, offset, lo, hi, block, func(i int, v float32) { y[i] = F(v) })
	})
}

// EachBlock calls f for elements [lo, hi) with numbers offset+lo … of the stream. block returns the four numbers of a counter.
func EachBlock(key, offset uint64, lo, hi int, block func(key, counter uint64) [4]float32, f func(i int, v float32)) {
	for i := lo; i < hi; {
		at := offset + uint64(i)
		numbers := block(key, at/4)
		for lane := at % 4; lane < 4 && i < hi; lane++ {
			f(i, numbers[lane])
			i++
		}
	}
}

// Dropout implements kernel.Random.
func (d *Device[F]) Dropout(p float64, key, offset uint64, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	scale := F(1 / (1 - p))
	d.pool.For(len(out), Grain, func(lo, hi int) {
		EachBlock(key, offset, lo, hi, philox.Uniform, func(i int, v float32) {
			if v < float32(p) {
				out[i] = 0
			} else {
				out[i] = scale * in[i]
			}
		})
	})
}
