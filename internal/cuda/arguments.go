package cuda

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// arguments are the structs that kernels take, for the launch being prepared. They are fields of the device, so that a
// launch allocates nothing. Each struct has the layout of the CUDA struct that its comment names; TestSharedStructs compares
// both, field by field.
type arguments struct {
	product     productArguments
	layer       layerArguments
	skinny      skinnyArguments
	row         rowArguments
	draw        drawArguments
	convolution convolutionArguments
	transform   winogradArguments
	attention   attentionArguments
	running     runningArguments
	batchGrad   batchGradArguments
	groupNorm   groupNormArguments
	windows     kernel.Windows
	pool        kernel.Pool
	depthwise   kernel.Depthwise
}

// flag returns b as a C int.
func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// size32 returns n as the 32-bit integer in which kernels count rows, columns and depths.
func size32(n int) int32 {
	if n > 1<<31-1-1<<16 { // room for a loop over the dimension to step beyond its end
		panic(fmt.Sprintf("cuda: dimension %d of a product, convolution or attention is larger than 2³¹", n))
	}
	return int32(n)
}

// aligned16 reports whether rows of numbers begin at multiples of 16 bytes, so that kernels can read float4: the first one
// is at addr, and the others follow at the given distances between rows and matrices.
func aligned16(addr uint64, distances ...int) bool {
	for _, n := range distances {
		if n%4 != 0 {
			return false
		}
	}
	return addr%16 == 0
}

// skip returns b without its first n elements.
func skip(b kernel.Buffer, n int) kernel.Buffer { return b.Slice(n, b.Len-n) }
