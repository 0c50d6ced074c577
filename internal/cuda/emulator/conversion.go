package emulator

import (
	"math"
	"slices"
)

// conversion returns the operation of cvt.
func conversion(op []string) function {
	to, from := op[len(op)-2], op[len(op)-1]
	switch {
	case to == "bf16x2":
		return func(x, y, _, _ uint64) uint64 { return bfloat16(x)<<16 | bfloat16(y) }
	case to == "tf32":
		return tensorFloat
	case to[0] == 'f' && from[0] == 'f':
		integral, saturate := toIntegral(op), slices.Contains(op, "sat")
		return func(x, _, _, _ uint64) uint64 {
			f := integral(float(from, x))
			if saturate && !(f > 0) { // NaN, too
				f = 0
			} else if saturate {
				f = min(1, f)
			}
			return rounded(to, "rn", f, 0)
		}
	case to == "f32":
		widened := integer(from)
		if from[0] == 's' {
			return func(x, _, _, _ uint64) uint64 { return uint64(math.Float32bits(float32(int64(widened(x))))) }
		}
		return func(x, _, _, _ uint64) uint64 { return uint64(math.Float32bits(float32(widened(x)))) }
	case to == "f64":
		widened := integer(from)
		if from[0] == 's' {
			return func(x, _, _, _ uint64) uint64 { return math.Float64bits(float64(int64(widened(x)))) }
		}
		return func(x, _, _, _ uint64) uint64 { return math.Float64bits(float64(widened(x))) }
	case from[0] == 'f':
		return toWhole(op, to, from)
	}
	widened, cut := integer(from), integer(to)
	return func(x, _, _, _ uint64) uint64 { return cut(widened(x)) }
}

// toIntegral rounds to an integer as the modifier of a conversion says.
func toIntegral(op []string) func(float64) float64 {
	for name, f := range map[string]func(float64) float64{
		"rni": math.RoundToEven, "rzi": math.Trunc, "rmi": math.Floor, "rpi": math.Ceil,
	} {
		if slices.Contains(op, name) {
			return f
		}
	}
	return func(f float64) float64 { return f }
}

// toWhole converts to an integer. A number that is too large becomes the largest integer. NaN becomes 0 or, if one type has 64
// bits, the highest bit alone.
func toWhole(op []string, to, from string) function {
	integral, size, cut, signed := toIntegral(op), 8*typeSize(to), integer(to), to[0] == 's'
	ofNaN := uint64(0)
	if from == "f64" || size == 64 {
		ofNaN = cut(1 << (size - 1))
	}
	least, most, above := uint64(0), ^uint64(0)>>(64-size), math.Ldexp(1, size)
	if signed {
		least, most, above = cut(1<<(size-1)), most>>1, above/2
	}
	return func(x, _, _, _ uint64) uint64 {
		f := integral(float(from, x))
		switch {
		case f != f:
			return ofNaN
		case f >= above:
			return most
		case !signed && f <= 0 || f < -above:
			return least
		case signed:
			return cut(uint64(int64(f)))
		}
		return uint64(f)
	}
}

// bfloat16 rounds a float32 to bfloat16, halves to even.
func bfloat16(x uint64) uint64 {
	x &= math.MaxUint32
	if f := f32(x); f != f {
		return 0x7fff
	}
	return (x + 0x7fff + x>>16&1) >> 16
}

// tensorFloat rounds a float32 to TF32, 10 bits after the point, halves away from zero.
func tensorFloat(x, _, _, _ uint64) uint64 {
	x &= math.MaxUint32
	switch f := f32(x); {
	case f != f:
		return 0x7fffffff
	case math.IsInf(f, 0):
		return x
	}
	return (x + 0x1000) &^ 0x1fff
}
