package main

import "math"

// log2e, and ln 2 in two parts of which the first has few enough bits that its product with a small integer is exact.
const (
	log2e = math.Log2E
	ln2Hi = 0.693145751953125
	ln2Lo = 1.428606765330187e-06
)

// expSeries are the coefficients of (eʳ − 1 − r)/r² for |r| ≤ ln 2/2, as in the SLEEF library's expf.
var expSeries = []float64{
	0.000198527617612853646278381, 0.00139304355252534151077271, 0.00833336077630519866943359,
	0.0416664853692054748535156, 0.166666671633720397949219, 0.5,
}

// reduce splits x = n·ln 2 + r with integer n and |r| ≤ ln 2/2.
func (g *gen) reduce(x vec) (n, r vec) {
	t := g.mul(x, k(log2e))
	n = g.vec()
	if g.wide {
		g.VRNDSCALEPS(imm(0), t, n)
	} else {
		g.VROUNDPS(imm(0), t, n)
	}
	r = g.reg(x)
	g.fnma(r, n, k(ln2Hi))
	g.fnma(r, n, k(ln2Lo))
	return n, r
}

// expLeast is just above ln 2⁻¹²⁶, below which eˣ is a denormal number.
const expLeast = -87.3

// exp is eˣ, and 0 below expLeast: an Intel processor takes 100 ns for a vector with a denormal result or one that is rounded to 0,
// ten times as long as for another, and masked scores of attention are −∞.
func (g *gen) exp(x vec) vec {
	large := g.compare(notLess, x, k(expLeast)) // NaN passes
	x = g.min(g.reg(k(89)), x)                  // beyond, the result is ∞ anyway
	if !g.wide {
		x = g.max(g.reg(k(expLeast)), x)
	}
	n, r := g.reduce(x)
	p := g.poly(r, expSeries...)
	p = g.horner(p, g.mul(r, r), r)
	p = g.add(p, k(1))
	y := g.vec()
	if g.wide {
		g.VSCALEFPS_Z(n, p, large, y)
		return y
	}
	// 2ⁿ in two factors, since n is as high as 128.
	whole, first := g.vec(), g.vec()
	g.VCVTPS2DQ(n, whole)
	g.VPSRAD(imm(1), whole, first)
	second := g.vec()
	g.VPSUBD(first, whole, second)
	return g.and(g.mul(g.mul(p, g.power(first)), g.power(second)), large)
}

// power is 2ⁿ for integer lanes n between −126 and 127.
func (g *gen) power(n vec) vec {
	y := g.vec()
	g.VPSLLD(imm(23), n, y)
	one := g.reg(k(1))
	g.VPADDD(one, y, y)
	return y
}

// tanh is e/(e+2) for e = exp(2x) − 1, taken at −|x|, where e lies between −1 and 0.
func (g *gen) tanh(x vec) vec {
	negative := g.or(x, bits(0x80000000))
	z := g.max(g.reg(k(-20)), g.add(negative, negative)) // from −10 on the result rounds to −1
	n, r := g.reduce(z)
	p := g.poly(r, expSeries...)
	p = g.horner(p, g.mul(r, r), r) // eʳ − 1
	whole := g.vec()
	g.VCVTPS2DQ(n, whole)
	scale := g.power(whole)
	e := g.sub(scale, k(1))
	g.fma(e, p, scale)
	y := g.div(e, g.add(e, k(2)))
	return g.or(g.abs(y), g.and(x, bits(0x80000000)))
}

// sigmoid is 1/(1+e⁻ˣ), as e⁻ˡˣˡ/(1+e⁻ˡˣˡ) for negative x, which keeps its relative precision.
func (g *gen) sigmoid(x vec) vec {
	e := g.exp(g.or(x, bits(0x80000000)))
	above := g.pick(g.negative(x), e, g.reg(k(1)))
	return g.div(above, g.add(e, k(1)))
}

// softplus is max(x, 0) + ln(1+e) for e = e⁻ˡˣˡ, with ln(1+e) = 2·artanh(e/(2+e)).
func (g *gen) softplus(x vec) vec {
	e := g.exp(g.or(x, bits(0x80000000)))
	t := g.div(e, g.add(e, k(2)))
	p := g.poly(g.mul(t, t), // 2·artanh(t)/t in t² ≤ 1/9, within 4e-9
		0.2817832567286485, 0.27960604809109296, 0.400249101391743, 0.6666631468516528, 2.000000007920933)
	y := g.max(g.zero(), x)
	g.fma(y, t, p)
	return y
}

// log is ln x.
func (g *gen) log(x vec) vec {
	if g.wide {
		e, m := g.split(x)
		return g.logOf(e, g.sub(m, k(1)))
	}
	denormal := g.compare(less, x, k(0x1p-126))
	e, m := g.split(g.pick(denormal, g.mul(x, k(0x1p24)), x))
	e = g.add(e, g.pick(denormal, g.reg(k(-24)), g.zero()))
	y := g.logOf(e, g.sub(m, k(1)))
	infinity := g.compare(equal, x, k(math.Inf(1)))
	y = g.pick(infinity, x, y)
	y = g.pick(g.compare(equal, x, k(0)), k(math.Inf(-1)), y)
	return g.pick(g.compare(notAtLeast, x, k(0)), k(math.NaN()), y)
}

// split is x = m·2ᵉ with ¾ ≤ m < 3/2. AVX-512 has instructions for it that also know denormal and special numbers: for
// 0, e is −∞; for negative numbers, m is NaN.
func (g *gen) split(x vec) (e, m vec) {
	e, m = g.vec(), g.vec()
	if g.wide {
		g.VGETMANTPS(imm(0b1111), x, m)
		top := g.vec()
		g.VGETEXPPS(x, top)
		g.VGETEXPPS(m, e)
		return g.sub(top, e), m
	}
	whole, below := g.vec(), g.reg(k(0.75))
	g.VPSUBD(below, x, whole)
	g.VPSRAD(imm(23), whole, whole)
	g.VPSLLD(imm(23), whole, m)
	g.VPSUBD(m, x, m)
	g.VCVTDQ2PS(whole, e)
	return e, m
}

// logOf is ln (1+f)·2ᵉ.
func (g *gen) logOf(e, f vec) vec {
	p := g.poly(f, // (ln(1+f) − f + f²/2)/f³, within 7e-8
		0.04326475053905137, -0.09602404061737374, 0.11688446705196485, -0.12635519059423767, 0.142672092789696,
		-0.16660911792056546, 0.20000172080469472, -0.2500005609768213, 0.33333333021268385)
	square := g.mul(f, f)
	p = g.mul(p, g.mul(square, f))
	g.fma(p, e, k(ln2Lo))
	g.fnma(p, square, k(0.5))
	y := g.add(f, p)
	g.fma(y, e, k(ln2Hi))
	return y
}

// gaussian is the distribution function Φ(x) of the standard normal distribution and its density times √(2π),
// exp(−x²/2). Φ(−a) = exp(−a²/2)·t·h(t) for t = 1/(1 + a/4), a ≥ 0.
func (g *gen) gaussian(x vec) (cumulative, bell vec) {
	a := g.min(g.reg(k(14.5)), g.abs(x)) // beyond, the bell is 0; NaN passes
	square := g.mul(a, a)
	rest := g.reg(square) // square − a², the rounding error, which exp would multiply by up to 100
	g.fnma(rest, a, a)
	bell = g.exp(g.mul(square, k(-0.5)))
	g.fma(bell, bell, g.mul(rest, k(0.5)))
	below := g.reg(k(1))
	g.fma(below, a, k(0.25))
	one := g.reg(k(1))
	t := g.div(one, below)
	h := g.poly(g.sub(t, k(0.609375)), // within 9e-9
		0.016892523030181187, 0.028107124374672905, -0.0329188146822592, -0.08896245771436154, 0.0118453224107798,
		0.26230117052265645, 0.48424565375698453, 0.5275366321803933, 0.40332442413434055, 0.22722042954749622)
	tail := g.mul(g.mul(h, t), bell)
	return g.pick(g.negative(x), tail, g.sub(one, tail)), bell
}
