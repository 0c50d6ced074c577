package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/philox"
)

// Generator is a position in a stream of random numbers: Philox 4×32-10 (Salmon et al., 2011) with a key and an offset. The
// numbers are the same on every device. There is no global generator.
type Generator struct {
	key, offset uint64
	share       share // of several ranks; the zero value for all
}

// NewGenerator returns a generator at the start of the stream with key seed.
func NewGenerator(seed uint64) *Generator { return &Generator{key: seed} }

// State returns the position of g, for SetState.
func (g *Generator) State() (key, offset uint64) { return g.key, g.offset }

// SetState restores a position that State returned.
func (g *Generator) SetState(key, offset uint64) { g.key, g.offset = key, offset }

// Fork returns a generator with an independent stream, which depends on g's key and the label only. So what one part of a
// program draws doesn't depend on how much another part draws. Forking doesn't advance g.
func (g *Generator) Fork(label string) *Generator {
	key := mix(g.key) // otherwise seeds and labels that differ in the same bits would give one key
	for i := range len(label) {
		key = (key ^ uint64(label[i])) * 0x100000001b3 // FNV-1a
	}
	return &Generator{key: mix(key)}
}

// mix is the step of SplitMix64 (Steele, Lea & Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// advance reserves n numbers, in whole blocks of four.
func (g *Generator) advance(n int) (offset uint64) {
	offset = g.offset
	g.offset += (uint64(n) + 3) / 4 * 4
	return offset
}

// Normal draws a tensor of that shape from N(0, 1).
func (g *Generator) Normal(d *Device, shape ...int) *Tensor {
	return g.draw(d, shape, d.kernels.Normal)
}

// Uniform draws a tensor of that shape from U[0, 1).
func (g *Generator) Uniform(d *Device, shape ...int) *Tensor {
	return g.draw(d, shape, d.kernels.Uniform)
}

// draw fills a new tensor of that shape by a kernel.
func (g *Generator) draw(d *Device, shape []int, fill func(key, offset uint64, dst kernel.Buffer)) *Tensor {
	t := d.empty(shape...)
	if n := t.Len(); g.aligned(n) {
		fill(g.key, g.reserve(n), t.data)
		return t
	}
	whole := d.take(t.Len() * g.share.size)
	fill(g.key, g.advance(whole.Len), whole)
	d.kernels.Copy(kernel.Contiguous(t.Len()), t.data, whole.Slice(g.share.rank*t.Len(), t.Len()))
	d.give(whole)
	return t
}

// Permutation draws a random permutation of 0 … n−1, [n].
func (g *Generator) Permutation(n int) []int32 {
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	for i := n - 1; i > 0; i-- { // Fisher and Yates
		j := g.Intn(i + 1)
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// Dropout zeroes each element with probability p and divides the others by 1−p (Srivastava et al., 2014). The mask is not
// stored: the backward pass draws it again. p is at least 0 and below 1.
func (t *Tensor) Dropout(p float64, g *Generator) *Tensor {
	if p < 0 || p >= 1 {
		panic(fmt.Sprintf("tensor: Dropout with probability %v", p))
	}
	if p == 0 {
		return t
	}
	if !g.aligned(t.Len()) {
		return t.Mul(g.keep(t, p))
	}
	key, offset := g.key, g.reserve(t.Len())
	y := t.device.empty(t.Shape()...)
	t.kernels().Dropout(p, key, offset, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.kernels().Dropout(p, key, offset, y.grad, y.grad)
			t.moveGrad(y, nil)
		}, y)
	}
	return y
}

// keep returns what Dropout multiplies t with, for shares that don't start at a whole block of random numbers.
func (g *Generator) keep(t *Tensor, p float64) *Tensor {
	d := t.device
	whole := d.Full(1, t.Len()*g.share.size)
	d.kernels.Dropout(p, g.key, g.advance(whole.Len()), whole.data, whole.data)
	return whole.Reshape(g.share.size, t.Len()).entries(g.share.rank, g.share.rank+1).Reshape(t.Shape()...)
}

// Intn draws an integer uniformly from [0, n); n is positive.
func (g *Generator) Intn(n int) int {
	block := philox.Block(g.key, g.advance(4)/4)
	return int((uint64(block[0])<<32 | uint64(block[1])) % uint64(n)) // bias below n/2⁶⁴
}
