package simd

// FMALoop runs n rounds of independent multiply-adds on registers and returns the floating-point operations done, two
// a multiply-add: its rate is the peak that a product can be held against. Portable has none and returns 0.
func FMALoop(level Level, n int) (flops float64) {
	p := ProductsFor(level)
	if p == nil || n < 1 {
		return 0
	}
	p.FMALoop(n)
	return 2 * float64(2*p.Height) * float64(p.Lanes) * float64(n)
}
