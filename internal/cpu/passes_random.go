package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/philox"
)

// uniform is kernel.Random.Uniform.
func (p *passes) uniform(key, offset uint64, y []float32) {
	p.elements(len(y), job{key: key, offset: offset, y: y}, func(j *job, lo, hi int) {
		from, to, counter := j.groups(lo, hi)
		set := func(i int, v float32) { j.y[i] = v }
		eachBlock(j.key, j.offset, lo, from, philox.Uniform, set)
		j.Uniform(j.key, counter, j.y[from:to])
		eachBlock(j.key, j.offset, to, hi, philox.Uniform, set)
	})
}

// normal is kernel.Random.Normal.
func (p *passes) normal(key, offset uint64, y []float32) {
	p.elements(len(y), job{key: key, offset: offset, y: y}, func(j *job, lo, hi int) {
		from, to, counter := j.groups(lo, hi)
		set := func(i int, v float32) { j.y[i] = v }
		eachBlock(j.key, j.offset, lo, from, philox.Normal, set)
		j.Normal(j.key, counter, j.y[from:to])
		eachBlock(j.key, j.offset, to, hi, philox.Normal, set)
	})
}

// dropout is kernel.Random.Dropout.
func (p *passes) dropout(rate, scale float32, key, offset uint64, x, y []float32) {
	p.elements(len(y), job{a: rate, b: scale, key: key, offset: offset, x: x, y: y}, func(j *job, lo, hi int) {
		from, to, counter := j.groups(lo, hi)
		set := func(i int, v float32) {
			if v < j.a {
				j.y[i] = 0
			} else {
				j.y[i] = j.b * j.x[i]
			}
		}
		eachBlock(j.key, j.offset, lo, from, philox.Uniform, set)
		j.Dropout(j.key, counter, j.a, j.b, j.x[from:to], j.y[from:to])
		eachBlock(j.key, j.offset, to, hi, philox.Uniform, set)
	})
}

// groups is the part [from, to) of elements [lo, hi) that the assembly can draw: it starts with a block of the stream,
// the number of which is counter, and takes whole groups.
func (j *job) groups(lo, hi int) (from, to int, counter uint64) {
	from = min(hi, lo+int(-(j.offset+uint64(lo))%4))
	to = from + (hi-from)/simd.RandomGroup*simd.RandomGroup
	counter = (j.offset + uint64(from)) / 4
	if counter%(1<<32)+uint64(to-from)/4 > math.MaxUint32 {
		to = from // the lower half of the counter would overflow
	}
	return from, to, counter
}
