package emulator

import (
	"math"
	"slices"
)

// floating returns an operation on floating-point numbers.
func floating(op []string) function {
	kind, mode := op[len(op)-1], "rn"
	for _, m := range []string{"rz", "rm", "rp"} {
		if slices.Contains(op, m) {
			mode = m
		}
	}
	one := func(f func(x float64) float64) function {
		return func(x, _, _, _ uint64) uint64 { return rounded(kind, mode, f(float(kind, x)), 0) }
	}
	two := func(f func(x, y float64) (result, rest float64)) function {
		return func(x, y, _, _ uint64) uint64 {
			result, rest := f(float(kind, x), float(kind, y))
			return rounded(kind, mode, result, rest)
		}
	}
	switch op[0] {
	case "mov", "selp": // which copy bits of any type
		return whole(op)
	case "add":
		return two(sum)
	case "sub":
		return two(func(x, y float64) (float64, float64) { return sum(x, -y) })
	case "mul": // in float64, a product of float32 numbers is exact; quotients and roots have enough digits
		return two(func(x, y float64) (float64, float64) { return x * y, 0 })
	case "div":
		return two(func(x, y float64) (float64, float64) { return x / y, 0 })
	case "fma":
		if kind == "f64" {
			return func(x, y, z, _ uint64) uint64 { return math.Float64bits(math.FMA(f64(x), f64(y), f64(z))) }
		}
		return func(x, y, z, _ uint64) uint64 {
			result, rest := sum(f32(x)*f32(y), f32(z))
			return rounded(kind, mode, result, rest)
		}
	case "min", "max":
		return two(extreme(op[0] == "max", slices.Contains(op, "NaN")))
	case "neg":
		return func(x, _, _, _ uint64) uint64 { return x ^ sign(kind) }
	case "abs":
		return func(x, _, _, _ uint64) uint64 { return x &^ sign(kind) }
	case "copysign":
		return func(x, y, _, _ uint64) uint64 { return y&^sign(kind) | x&sign(kind) }
	case "sqrt":
		return one(math.Sqrt)
	case "rcp":
		if slices.Contains(op, "approx") {
			return reciprocal(kind)
		}
		return one(func(x float64) float64 { return 1 / x })
	case "ex2":
		return power
	}
	return nil
}

func sign(kind string) uint64 { return 1 << (8*typeSize(kind) - 1) }

// sum returns x + y and its rounding error (Knuth's TwoSum).
func sum(x, y float64) (result, rest float64) {
	result = x + y
	part := result - x
	return result, (x - (result - part)) + (y - part)
}

// extreme returns min or max; −0 is less than 0. NaN operands are ignored or returned, as the opcode says.
func extreme(larger, keepNaN bool) func(x, y float64) (float64, float64) {
	return func(x, y float64) (float64, float64) {
		switch {
		case x != x && !keepNaN:
			return y, 0
		case y != y && !keepNaN:
			return x, 0
		case larger:
			return max(x, y), 0
		}
		return min(x, y), 0
	}
}

// rounded returns f + rest as the bits of a type, rounded once by a mode such as rn or rm. rest is the rounding error of f, of
// which only the sign matters.
func rounded(kind, mode string, f, rest float64) uint64 {
	if kind == "f64" {
		return math.Float64bits(f)
	}
	if bits := math.Float64bits(f); bits&1 == 0 && (rest > 0 || rest < 0) { // round to odd, so that f is no tie and not exact
		if (rest > 0) == (f > 0) {
			bits++
		} else {
			bits--
		}
		f = math.Float64frombits(bits)
	}
	r := float32(f)
	switch {
	case r != r:
		return 0x7fffffff
	case mode == "rm" && float64(r) > f:
		r = math.Nextafter32(r, float32(math.Inf(-1)))
	case mode == "rp" && float64(r) < f:
		r = math.Nextafter32(r, float32(math.Inf(1)))
	case mode == "rz" && math.Abs(float64(r)) > math.Abs(f):
		r = math.Nextafter32(r, 0)
	}
	return uint64(math.Float32bits(r))
}

// Approximations have errors up to the bounds of the PTX ISA, in either direction.

// power is ex2.approx.ftz.f32, with an error of up to 2⁻²²·⁵ for results between 1 and 2.
func power(x, _, _, _ uint64) uint64 {
	f := flushed(f32(x))
	if f == 0 {
		return bits32(1)
	}
	return rounded("f32", "rn", flushed(perturbed(math.Exp2(f), 0x1p-23/math.Sqrt2, x)), 0)
}

// reciprocal is rcp.approx.ftz: for float32 with an error of up to 2⁻²³ for results between ½ and 1, for float64 with the upper
// half of the bits only.
func reciprocal(kind string) function {
	if kind == "f64" {
		return roughReciprocal
	}
	return func(x, _, _, _ uint64) uint64 {
		return rounded("f32", "rn", flushed(perturbed(1/flushed(f32(x)), 0x1p-23, x)), 0)
	}
}

func roughReciprocal(x, _, _, _ uint64) uint64 {
	const upper = ^uint64(math.MaxUint32)
	normal := func(f float64) float64 {
		if math.Abs(f) < 0x1p-1022 {
			return math.Copysign(0, f)
		}
		return f
	}
	f := normal(f64(x & upper))
	if f != f {
		return 0x7fffffff << 32
	}
	return math.Float64bits(normal(1/f)) & upper
}

// perturbed returns f with an error of up to most in its fraction, which is between ½ and 1.
func perturbed(f, most float64, x uint64) float64 {
	if f == 0 {
		return f
	}
	fraction, exponent := math.Frexp(f)
	return math.Ldexp(fraction+most*noise(x), exponent)
}

// noise returns a pseudo-random number from −1 to 1 that depends on x.
func noise(x uint64) float64 {
	return float64(int32(uint32(x)*2654435761)) / (1 << 31)
}

// flushed returns a float32, with subnormal numbers replaced by zero.
func flushed(f float64) float64 {
	if math.Abs(f) < 0x1p-126 {
		return math.Copysign(0, f)
	}
	return f
}
