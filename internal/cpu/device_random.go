package cpu

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/philox"
)

// Uniform implements kernel.Random.
func (d *Device[F]) Uniform(key, offset uint64, y kernel.Buffer) {
	if d.passes != nil {
		d.passes.uniform(key, offset, f32(y))
		return
	}
	d.draw(key, offset, floats[F](y), philox.Uniform)
}

// Normal implements kernel.Random.
func (d *Device[F]) Normal(key, offset uint64, y kernel.Buffer) {
	if d.passes != nil {
		d.passes.normal(key, offset, f32(y))
		return
	}
	d.draw(key, offset, floats[F](y), philox.Normal)
}

func (d *Device[F]) draw(key, offset uint64, y []F, block func(key, counter uint64) [4]float32) {
	d.pool.For(len(y), grain, func(lo, hi int) {
		eachBlock(key, offset, lo, hi, block, func(i int, v float32) { y[i] = F(v) })
	})
}

// eachBlock calls f for elements [lo, hi) with numbers offset+lo … of the stream, which come in blocks of four.
func eachBlock(key, offset uint64, lo, hi int, block func(key, counter uint64) [4]float32, f func(i int, v float32)) {
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
	if d.passes != nil {
		d.passes.dropout(float32(p), float32(1/(1-p)), key, offset, f32(x), f32(y))
		return
	}
	in, out := floats[F](x), floats[F](y)
	scale := F(1 / (1 - p))
	d.pool.For(len(out), grain, func(lo, hi int) {
		eachBlock(key, offset, lo, hi, philox.Uniform, func(i int, v float32) {
			if v < float32(p) {
				out[i] = 0
			} else {
				out[i] = scale * in[i]
			}
		})
	})
}
