//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/testdevice/wanted"
)

var tested = sync.OnceValues(func() (*Device, error) {
	if index, ok := wanted.GPU(); ok {
		return Open(index)
	}
	d, err := OpenWith(emulator.Functions())
	if err == nil {
		d.withoutReuse()
	}
	return d, err
})

// withoutReuse makes each buffer an allocation of its own with the exact size. So the emulator or compute-sanitizer finds
// accesses beyond its end, reads before it is written, and accesses after it was freed.
func (d *Device) withoutReuse() { d.memory.exact = true }

// deviceToTest returns the emulated GPU, or the real one that BESTIARY_TEST_DEVICE names.
func deviceToTest(t testing.TB) *Device {
	t.Helper()
	d, err := tested()
	if Absent(err) {
		t.Skipf("%s=%s: %v", wanted.Variable, wanted.Device(), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// pair runs the same kernels on a GPU and, in float64, on the CPU.
type pair struct {
	kernel.Device
	r        *rand.Rand
	operands []kernel.Buffer
}

// in places n numbers from a normal distribution, times scale, plus shift.
func (p *pair) in(n int, scale, shift float64) kernel.Buffer {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(p.r.NormFloat64()*scale + shift)
	}
	return p.put(values)
}

func (p *pair) put(values []float32) kernel.Buffer {
	b := p.Alloc(len(values))
	p.Upload(b, values)
	p.operands = append(p.operands, b)
	return b
}

func (p *pair) out(n int) kernel.Buffer {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(math.NaN())
	}
	return p.put(values)
}

func (p *pair) indices(n, from, to int) kernel.Buffer {
	values := make([]int32, n)
	for i := range values {
		values[i] = int32(from + p.r.IntN(to-from))
	}
	b := p.AllocInts(n)
	p.UploadInts(b, values)
	return b
}

// compare runs f on both devices and compares all operands afterwards: the error of an element may be tolerance·(|want| + 1).
func compare(t *testing.T, tolerance float64, f func(p *pair)) {
	t.Helper()
	gpu := &pair{Device: deviceToTest(t), r: rand.New(rand.NewPCG(1, 2))}
	exact := &pair{Device: cpu.NewFloat64(1), r: rand.New(rand.NewPCG(1, 2))}
	f(gpu)
	f(exact)
	for i, b := range gpu.operands {
		got, want := make([]float32, b.Len), make([]float32, b.Len)
		gpu.Download(got, b)
		exact.Download(want, exact.operands[i])
		for j, v := range got {
			g, w := float64(v), float64(want[j])
			if g != w && !(math.Abs(g-w) <= tolerance*(math.Abs(w)+1)) && !(g != g && w != w) {
				t.Fatalf("element %d of operand %d (of %d) is %g, want %g", j, i, b.Len, g, w)
			}
		}
	}
}
