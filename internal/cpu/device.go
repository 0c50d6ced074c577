// Package cpu computes the kernels of internal/kernel on the processor.
//
// The portable kernels, generic over float32 and float64, are the specification: short loops that say what is meant.
// For float32 on x86-64 the hot ones are replaced by assembly from internal/cpu/simd, chosen at run time.
// Device[float64] exists to check gradients against central differences.
package cpu

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

// Float is the type of a device's elements.
type Float interface{ float32 | float64 }

// grain is the number of elements that a task of an elementwise kernel covers: large enough to outweigh the hand-over
// to a worker, and fixed, so that sums by chunks don't depend on the number of threads.
const grain = 16 << 10

// Device runs kernels on the processor. Its kernels must not be called from several goroutines at once.
type Device[F Float] struct {
	pool       *Pool
	level      simd.Level
	arithmetic Arithmetic
	products   *products // nil: portable
	passes     *passes   // nil: portable
	partial    []float64 // sums by chunk
	unasked    int       // bytes allocated since it was asked whether there are any
}

var (
	_ kernel.Device = (*Device[float32])(nil)
	_ kernel.Device = (*Device[float64])(nil)
)

// New returns the float32 device with the given kernel set, which the processor must support, threads workers
// (non-positive: one a processor) and products of the given precision.
func New(level simd.Level, threads int, precision kernel.Precision) *Device[float32] {
	d := &Device[float32]{pool: NewPool(threads), level: level, arithmetic: ArithmeticOf(level, precision)}
	d.products = newProducts(level, d.pool)
	if h := halvesFor(level, d.arithmetic); h != nil {
		d.products.bf16 = h
	}
	d.passes = newPasses(level, d.pool)
	return d
}

// NewFloat64 returns the portable device with float64 elements.
func NewFloat64(threads int) *Device[float64] {
	return &Device[float64]{pool: NewPool(threads)}
}

// Name implements kernel.Device.
func (d *Device[F]) Name() string {
	if d.ElemSize() == 8 {
		return "cpu/float64"
	}
	return fmt.Sprintf("cpu/%v", d.level)
}

// Features implements kernel.Device.
func (d *Device[F]) Features() kernel.Features {
	f := kernel.Features{HostMemory: true, Threads: d.pool.Threads(), Precision: d.arithmetic.Precision(), Arithmetic: d.arithmetic.String()}
	if d.products != nil {
		f.LinearGradients, f.LinearGradStepper = d, d
	}
	return f
}

// Close implements kernel.Device.
func (d *Device[F]) Close() { d.pool.Close() }

// ElemSize implements kernel.Device.
func (d *Device[F]) ElemSize() int {
	if _, ok := any(F(0)).(float64); ok {
		return 8
	}
	return 4
}

// Alloc implements kernel.Memory.
func (d *Device[F]) Alloc(n int) kernel.Buffer {
	d.ask(n, d.ElemSize())
	return kernel.Host(make([]F, n))
}

// AllocInts implements kernel.Memory.
func (d *Device[F]) AllocInts(n int) kernel.Buffer {
	d.ask(n, 4)
	return kernel.Host(make([]int32, n))
}

// ask panics with a [*fault.OutOfMemory] if n elements of size bytes don't fit. It looks once for every so many bytes.
func (d *Device[F]) ask(n, size int) {
	need := min(n, math.MaxInt/size) * size
	if need < ram.Reserve-d.unasked {
		d.unasked += need
		return
	}
	if err := ram.Check(d.Name(), need); err != nil {
		panic(err)
	}
	d.unasked = 0
}

// Free implements kernel.Memory; the garbage collector does it.
func (d *Device[F]) Free(kernel.Buffer) {}

// Upload implements kernel.Memory.
func (d *Device[F]) Upload(dst kernel.Buffer, src []float32) {
	for i, y := 0, floats[F](dst); i < len(src); i++ {
		y[i] = F(src[i])
	}
}

// Download implements kernel.Memory.
func (d *Device[F]) Download(dst []float32, src kernel.Buffer) {
	for i, x := 0, floats[F](src); i < len(dst); i++ {
		dst[i] = float32(x[i])
	}
}

// UploadInts implements kernel.Memory.
func (d *Device[F]) UploadInts(dst kernel.Buffer, src []int32) { copy(ints(dst), src) }

// DownloadInts implements kernel.Memory.
func (d *Device[F]) DownloadInts(dst []int32, src kernel.Buffer) { copy(dst, ints(src)) }

// Synchronize implements kernel.Memory: kernels have finished when they return.
func (d *Device[F]) Synchronize() {}

func floats[F Float](b kernel.Buffer) []F { return kernel.Slice[F](b) }

func ints(b kernel.Buffer) []int32 { return kernel.Slice[int32](b) }

// f32 views b for the float32-only assembly.
func f32(b kernel.Buffer) []float32 { return kernel.Slice[float32](b) }
