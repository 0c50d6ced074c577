package simd

// FMALoop runs n rounds of independent multiply-adds in registers and returns the number of floating-point operations, two for a
// multiply-add. Its rate is the peak to compare products with. It returns 0 for Portable.
func FMALoop(level Level, n int) (flops float64) {
	p := ProductsFor(level)
	if p == nil || n < 1 {
		return 0
	}
	p.FMALoop(n)
	return 2 * float64(2*p.Height) * float64(p.Lanes) * float64(n)
}
