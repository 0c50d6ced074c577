// Package cpu computes the kernels of internal/kernel on the processor.
//
// The portable kernels (package portable, generic over float32 and float64) are the specification. On x86-64 and arm64, Device
// replaces most of them by assembly from package simd, by overriding methods: passes over rows (package vector), products (gemm),
// convolutions (conv) and attention. So New chooses the kernels once, and no kernel checks the processor again.
package cpu

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/cpu/attention"
	"github.com/bestiary-ml/bestiary/internal/cpu/conv"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cpu/vector"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// New returns the float32 device with the kernel set of a level, which the processor must have, the given number of threads (0 or
// less: one for each processor) and products of the given precision.
func New(level simd.Level, threads int, precision kernel.Precision) kernel.Device {
	if level == simd.Portable {
		return portable.New[float32](nameOf(level), pool.New(threads))
	}
	d := NewIn(level, threads, gemm.ArithmeticOf(level, precision))
	d.products.RoundConstants = precision == kernel.Medium
	return d
}

// NewIn is New for products in an arithmetic that this processor has, and for a level that isn't portable.
func NewIn(level simd.Level, threads int, arithmetic gemm.Arithmetic) *Device {
	p := pool.New(threads)
	products := gemm.New(level, arithmetic, p)
	return &Device{
		Device: vector.New(nameOf(level), simd.PassesFor(level), p), arithmetic: arithmetic,
		products: products, convolutions: conv.New(products), attention: attention.New(products),
	}
}

// nameOf is the name of a device.
func nameOf(level simd.Level) string { return fmt.Sprintf("cpu/%v", level) }

// NewFloat64 returns the portable device with float64 elements.
func NewFloat64(threads int) kernel.Device {
	return portable.New[float64]("cpu/float64", pool.New(threads))
}

// Device computes float32 kernels with assembly. Its kernels must not be called from several goroutines at once.
type Device struct {
	*vector.Device
	arithmetic   gemm.Arithmetic
	products     *gemm.Engine
	convolutions *conv.Engine
	attention    *attention.Engine
}

var (
	_ kernel.Device            = (*Device)(nil)
	_ kernel.LinearGradients   = (*Device)(nil)
	_ kernel.LinearGradStepper = (*Device)(nil)
)

// Features implements kernel.Device.
func (d *Device) Features() kernel.Features {
	f := d.Device.Features()
	f.Precision, f.Arithmetic = d.arithmetic.Precision(), d.arithmetic.String()
	if d.products.RoundConstants {
		f.Precision, f.OnlyWeights = kernel.Medium, d.arithmetic == gemm.Float32
	}
	f.LinearGradients, f.LinearGradStepper = d, d
	f.UniformRows = func(on bool) { d.products.Uniform = on }
	return f
}

// floats views a buffer as a slice.
func floats(b kernel.Buffer) []float32 { return kernel.Slice[float32](b) }
