// Package portable computes the kernels of internal/kernel in plain Go, for float32 and float64: short loops that say what is
// meant. It is the specification that all other devices are tested against, it computes where a processor has no assembly,
// and Device[float64] checks gradients against central differences.
package portable

import (
	"math"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

// Float is the type of a device's elements.
type Float interface{ float32 | float64 }

// Grain is the number of elements that a task of an elementwise kernel covers. It is large enough to outweigh waking a worker,
// and fixed, so that sums over chunks don't depend on the number of threads.
const Grain = 16 << 10

// Device runs the portable kernels. Its kernels must not be called from several goroutines at once.
type Device[F Float] struct {
	name      string
	pool      *pool.Pool
	partial   []float64 // sums by chunk
	unchecked int       // bytes allocated since free memory was last looked at
}

var (
	_ kernel.Device = (*Device[float32])(nil)
	_ kernel.Device = (*Device[float64])(nil)
)

// New returns a device that runs on the workers of p, which it closes.
func New[F Float](name string, p *pool.Pool) *Device[F] { return &Device[F]{name: name, pool: p} }

// Name implements kernel.Device.
func (d *Device[F]) Name() string { return d.name }

// Close implements kernel.Device.
func (d *Device[F]) Close() { d.pool.Close() }

// Features implements kernel.Device.
func (d *Device[F]) Features() kernel.Features {
	arithmetic := "float32"
	if d.ElemSize() == 8 {
		arithmetic = "float64"
	}
	return kernel.Features{
		HostMemory: true, Threads: d.pool.Threads(), Precision: kernel.Highest, Arithmetic: arithmetic, UniformRows: func(bool) {}, AffineMaps: d,
		Regions: regions[F]{},
	}
}

// ElemSize implements kernel.Device.
func (d *Device[F]) ElemSize() int { return int(unsafe.Sizeof(F(0))) }

// Alloc implements kernel.Memory.
func (d *Device[F]) Alloc(n int) kernel.Buffer {
	d.checkMemory(n, d.ElemSize())
	return kernel.Host(make([]F, n))
}

// AllocInts implements kernel.Memory.
func (d *Device[F]) AllocInts(n int) kernel.Buffer {
	d.checkMemory(n, 4)
	return kernel.Host(make([]int32, n))
}

// checkMemory panics with a [*fault.OutOfMemory] if n elements of size bytes don't fit. It looks at the free memory only once
// for every ram.Reserve bytes.
func (d *Device[F]) checkMemory(n, size int) {
	need := min(n, math.MaxInt/size) * size
	if need < ram.Reserve-d.unchecked {
		d.unchecked += need
		return
	}
	if err := ram.Check(d.name, need); err != nil {
		panic(err)
	}
	d.unchecked = 0
}

// Free implements kernel.Memory; the garbage collector does it.
func (d *Device[F]) Free(kernel.Buffer) {}

// Upload implements kernel.Memory.
func (d *Device[F]) Upload(dst kernel.Buffer, src []float32) {
	for i, y := 0, Floats[F](dst); i < len(src); i++ {
		y[i] = F(src[i])
	}
}

// Download implements kernel.Memory.
func (d *Device[F]) Download(dst []float32, src kernel.Buffer) {
	for i, x := 0, Floats[F](src); i < len(dst); i++ {
		dst[i] = float32(x[i])
	}
}

// UploadInts implements kernel.Memory.
func (d *Device[F]) UploadInts(dst kernel.Buffer, src []int32) { copy(Ints(dst), src) }

// DownloadInts implements kernel.Memory.
func (d *Device[F]) DownloadInts(dst []int32, src kernel.Buffer) { copy(dst, Ints(src)) }

// Synchronize implements kernel.Memory: kernels have finished when they return.
func (d *Device[F]) Synchronize() {}

// Floats views a buffer as a slice of elements; a nil buffer gives nil.
func Floats[F Float](b kernel.Buffer) []F { return kernel.Slice[F](b) }

// Ints views a buffer as a slice of indices; a nil buffer gives nil.
func Ints(b kernel.Buffer) []int32 { return kernel.Slice[int32](b) }

// Row returns row r of x, whose rows have n numbers.
func Row[T any](x []T, r, n int) []T { return x[r*n : (r+1)*n : (r+1)*n] }

// GroupRow returns the row of x [groups, n] for row r of rows, which are divided evenly among the groups in order; nil for nil.
func GroupRow[T any](x []T, r, rows, n int) []T {
	if len(x) <= n {
		return x
	}
	return Row(x, r/(rows*n/len(x)), n)
}
