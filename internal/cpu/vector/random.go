package vector

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/philox"
)

// stream is a Philox stream from number offset on.
type stream struct{ key, offset uint64 }

// drawJob fills y with numbers of a stream: whole groups by assembly, those before and behind them block by block.
type drawJob struct {
	stream
	group func(key, counter uint64, y []float32)
	block func(key, counter uint64) [4]float32
	y     []float32
}

// Uniform implements kernel.Random.
func (d *Device) Uniform(key, offset uint64, y kernel.Buffer) {
	out := f32(y)
	run(d, len(out), grain, &d.jobs.draw, drawJob{stream{key, offset}, d.simd.Uniform, philox.Uniform, out})
}

// Normal implements kernel.Random.
func (d *Device) Normal(key, offset uint64, y kernel.Buffer) {
	out := f32(y)
	run(d, len(out), grain, &d.jobs.draw, drawJob{stream{key, offset}, d.simd.Normal, philox.Normal, out})
}

func (j *drawJob) chunk(lo, hi int) {
	from, to, counter := j.groups(lo, hi)
	set := func(i int, v float32) { j.y[i] = v }
	portable.EachBlock(j.key, j.offset, lo, from, j.block, set)
	j.group(j.key, counter, j.y[from:to])
	portable.EachBlock(j.key, j.offset, to, hi, j.block, set)
}

type dropoutJob struct {
	stream
	drop        func(key, counter uint64, p, scale float32, x, y []float32)
	probability float32
	scale       float32 // of the elements that are kept
	x, y        []float32
}

// Dropout implements kernel.Random.
func (d *Device) Dropout(p float64, key, offset uint64, x, y kernel.Buffer) {
	out := f32(y)
	run(d, len(out), grain, &d.jobs.dropout, dropoutJob{stream{key, offset}, d.simd.Dropout, float32(p), float32(1 / (1 - p)), f32(x), out})
}

func (j *dropoutJob) chunk(lo, hi int) {
	from, to, counter := j.groups(lo, hi)
	set := func(i int, v float32) {
		if v < j.probability {
			j.y[i] = 0
		} else {
			j.y[i] = j.scale * j.x[i]
		}
	}
	portable.EachBlock(j.key, j.offset, lo, from, philox.Uniform, set)
	j.drop(j.key, counter, j.probability, j.scale, j.x[from:to], j.y[from:to])
	portable.EachBlock(j.key, j.offset, to, hi, philox.Uniform, set)
}

// groups returns the part [from, to) of elements [lo, hi) that the assembly can draw: it begins with a block of the stream,
// whose number is counter, and has whole groups only.
func (s stream) groups(lo, hi int) (from, to int, counter uint64) {
	from = min(hi, lo+int(-(s.offset+uint64(lo))%4))
	to = from + (hi-from)/simd.RandomGroup*simd.RandomGroup
	counter = (s.offset + uint64(from)) / 4
	if counter%(1<<32)+uint64(to-from)/4 > math.MaxUint32 {
		to = from // the lower half of the counter would overflow
	}
	return from, to, counter
}
