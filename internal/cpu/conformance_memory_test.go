package cpu

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// memory has the operands of kernels: on a float32 device at odd addresses between guards, so that writes beside an operand are
// found.
type memory struct {
	kernel.Device
	r        *rand.Rand
	operands []operand
}

type operand struct {
	kernel.Buffer
	all    []float32 // with the guards, for float32
	whole  kernel.Buffer
	from   int       // where the operand begins in all
	input  []float32 // contents that must not change; nil for results
	result bool
}

// guard is a NaN that no kernel computes.
var guard = math.Float32frombits(0x7fa5a5a5)

func (m *memory) place(values []float32, result bool) kernel.Buffer {
	b := operand{result: result}
	if m.ElemSize() == 8 {
		b.Buffer = m.Alloc(len(values))
		m.Upload(b.Buffer, values)
	} else {
		b.from = 16 + m.r.IntN(16)
		b.all = make([]float32, len(values)+b.from+32)
		for i := range b.all {
			b.all[i] = guard
		}
		copy(b.all[b.from:], values)
		whole := kernel.Host(b.all)
		if !m.Features().HostMemory {
			whole = m.Alloc(len(b.all))
			m.Upload(whole, b.all)
		}
		b.whole, b.Buffer = whole, whole.Slice(b.from, len(values))
		if len(values) == 0 {
			b.Buffer = kernel.Buffer{Size: 4}
		}
	}
	if !result {
		b.input = values
	}
	m.operands = append(m.operands, b)
	return b.Buffer
}

// in places an operand that is only read.
func (m *memory) in(values []float32) kernel.Buffer { return m.place(values, false) }

// inOut places one that is changed.
func (m *memory) inOut(values []float32) kernel.Buffer { return m.place(values, true) }

// out places one that is overwritten.
func (m *memory) out(n int) kernel.Buffer {
	return m.place(slices.Repeat([]float32{float32(math.NaN())}, n), true)
}

func (m *memory) ints(values []int32) kernel.Buffer {
	b := m.AllocInts(len(values))
	m.UploadInts(b, values)
	return b
}

// conform runs f on the float32 devices under test and compares the results with those in float64. An element may be off by
// tolerance·(|want| + slack); numbers too small for float32 count as zero, and so does the product of such an exponential with a
// number up to 100.
func conform(t rapid.TB, what string, tolerance, slack float64, f func(m *memory)) {
	t.Helper()
	exact := &memory{Device: NewFloat64(1)}
	f(exact)
	for number, device := range devices(t) {
		m := &memory{Device: device, r: rand.New(rand.NewPCG(uint64(number), 3))}
		f(m)
		for i, b := range m.operands {
			if b.whole.Addr != 0 {
				m.Download(b.all, b.whole)
				m.Free(b.whole)
			}
			end := b.from + b.Len
			for at, v := range b.all {
				if (at < b.from || at >= end) && math.Float32bits(v) != math.Float32bits(guard) {
					t.Fatalf("%s, %s: operand %d of %d elements is written at %d", what, m.Name(), i, b.Len, at-b.from)
				}
			}
			for j, before := range b.input {
				if math.Float32bits(b.all[b.from+j]) != math.Float32bits(before) {
					t.Fatalf("%s, %s: element %d of operand %d is changed from %g to %g", what, m.Name(), j, i, before, b.all[b.from+j])
				}
			}
			if !b.result {
				continue
			}
			for j, precise := range kernel.Slice[float64](exact.operands[i].Buffer) {
				got, want := float64(b.all[b.from+j]), float64(float32(precise))
				if got == want || got != got && want != want {
					continue
				}
				if math.IsInf(want, 0) || !(math.Abs(got-want) <= tolerance*(math.Abs(want)+slack)+100*0x1p-126) {
					t.Fatalf("%s, %s: element %d of operand %d (of %d) is %g, want %g", what, m.Name(), j, i, b.Len, got, want)
				}
			}
		}
	}
}

// numbers draws n numbers, sometimes with special ones among them.
func numbers(t *rapid.T, n int) []float32 {
	s := newSource(t)
	v := s.floats(n).floats
	if rapid.Bool().Draw(t, "special numbers") {
		special := []float32{cputest.NaN, cputest.Inf, -cputest.Inf, 0, float32(math.Copysign(0, -1)), 1e-40, -1e-40, 3e38, -3e38, 89, -89, -104, 20, -20, 1, -1}
		for range 1 + n/4 {
			if n > 0 {
				v[s.IntN(n)] = special[s.IntN(len(special))]
			}
		}
	}
	return v
}
