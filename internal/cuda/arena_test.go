//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// check runs f for random cases on the device to test; for a few cases only on the emulated GPU, which is slow.
func check(t *testing.T, f func(t *rapid.T, d *Device)) {
	d, left := deviceToTest(t), 5
	rapid.Check(t, func(t *rapid.T) {
		if left == 0 {
			return
		}
		f(t, d)
		if isEmulated(d) {
			left-- // only if f returned, so that a failure can be shrunk
		}
	})
}

// isEmulated reports whether d is the emulated GPU, on which large cases take long.
func isEmulated(d *Device) bool { return d.driver.path == givenFunctions }

// tolerances are the largest errors at each precision, relative to the numbers that are added.
var tolerances = [...]float64{kernel.Highest: 3e-6, kernel.High: 2e-3, kernel.Medium: 2e-2}

// arena places the same operands on a GPU, aligned or not, and on the CPU, and compares results.
type arena struct {
	t        *rapid.T
	r        *rand.Rand
	aligned  bool
	gpu      *Device
	cpu      kernel.Device
	gpus     []kernel.Buffer
	cpus     []kernel.Buffer
	contents [][]float32
}

func newArena(t *rapid.T, d *Device) *arena {
	seed := rapid.Uint64().Draw(t, "seed")
	return &arena{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), aligned: rapid.Bool().Draw(t, "aligned"),
		gpu: d, cpu: cpu.New(simd.Portable, 1, kernel.Highest),
	}
}

func (a *arena) place(values []float32) int {
	offset := 0
	if !a.aligned {
		offset = a.r.IntN(4)
	}
	g := a.gpu.Alloc(len(values)+offset+1).Slice(offset, len(values))
	c := a.cpu.Alloc(len(values))
	a.gpu.Upload(g, values)
	a.cpu.Upload(c, values)
	a.gpus, a.cpus, a.contents = append(a.gpus, g), append(a.cpus, c), append(a.contents, values)
	return len(a.gpus) - 1
}

// numbers places n numbers between −1 and 1.
func (a *arena) numbers(n int) int {
	values := make([]float32, n)
	for i := range values {
		values[i] = 2*a.r.Float32() - 1
	}
	return a.place(values)
}

// maybe places n numbers, or returns −1 for none.
func (a *arena) maybe(n int) int {
	if a.r.IntN(2) == 0 {
		return -1
	}
	return a.numbers(n)
}

// run calls f with the operands' buffers for both devices.
func (a *arena) run(f func(d kernel.Device, at func(int) kernel.Buffer)) {
	for _, side := range []struct {
		kernel.Device
		buffers []kernel.Buffer
	}{{a.gpu, a.gpus}, {a.cpu, a.cpus}} {
		f(side.Device, func(i int) kernel.Buffer {
			if i < 0 {
				return kernel.Buffer{}
			}
			return side.buffers[i]
		})
	}
}

// compare checks operand i: the error of a number may be tolerance·(|want| + slack).
func (a *arena) compare(what string, i int, tolerance, slack float64) {
	a.t.Helper()
	n := len(a.contents[i])
	got, want := make([]float32, n), make([]float32, n)
	a.gpu.Download(got, a.gpus[i])
	a.cpu.Download(want, a.cpus[i])
	for j := range got {
		g, w := float64(got[j]), float64(want[j])
		if g != w && !(math.Abs(g-w) <= tolerance*(math.Abs(w)+slack)) && !(g != g && w != w) {
			a.t.Fatalf("%s: element %d of %d is %g, want %g", what, j, n, g, w)
		}
	}
}

func (a *arena) free() {
	for _, b := range a.gpus {
		a.gpu.Free(b)
	}
}

// setPrecision sets a device's precision until the test ends, or one case of a random test: other tests share the device.
func setPrecision(t interface{ Cleanup(func()) }, d *Device, p kernel.Precision) {
	before := d.Precision()
	t.Cleanup(func() { d.SetPrecision(before) })
	d.SetPrecision(p)
}
