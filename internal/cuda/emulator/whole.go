package emulator

import (
	"math"
	"math/bits"
	"slices"
)

// whole returns an operation on integers, bits and predicates.
func whole(op []string) function {
	kind := op[len(op)-1]
	in, size, signed := integer(kind), uint64(8*typeSize(kind)), kind[0] == 's'
	switch op[0] {
	case "mov":
		return func(x, _, _, _ uint64) uint64 { return in(x) }
	case "add":
		return func(x, y, _, _ uint64) uint64 { return in(x + y) }
	case "sub":
		return func(x, y, _, _ uint64) uint64 { return in(x - y) }
	case "mul", "mad":
		return product(op)
	case "div", "rem":
		return quotient(in, signed, op[0] == "rem")
	case "min", "max":
		wantLess := op[0] == "min"
		return func(x, y, _, _ uint64) uint64 {
			x, y = in(x), in(y)
			less := x < y
			if signed {
				less = int64(x) < int64(y)
			}
			if less == wantLess {
				return x
			}
			return y
		}
	case "neg":
		return func(x, _, _, _ uint64) uint64 { return in(-x) }
	case "abs":
		return func(x, _, _, _ uint64) uint64 {
			if int64(in(x)) < 0 {
				return in(-x)
			}
			return in(x)
		}
	case "and":
		return func(x, y, _, _ uint64) uint64 { return in(x & y) }
	case "or":
		return func(x, y, _, _ uint64) uint64 { return in(x | y) }
	case "xor":
		return func(x, y, _, _ uint64) uint64 { return in(x ^ y) }
	case "not":
		return func(x, _, _, _ uint64) uint64 { return in(^x) }
	case "shl": // shifts by more than the width are like those by the width
		return func(x, y, _, _ uint64) uint64 { return in(x << (y & math.MaxUint32)) }
	case "shr":
		if signed {
			return func(x, y, _, _ uint64) uint64 { return in(uint64(int64(in(x)) >> (y & math.MaxUint32))) }
		}
		return func(x, y, _, _ uint64) uint64 { return in(x) >> (y & math.MaxUint32) }
	case "shf":
		return funnel(op[1] == "l", op[2] == "clamp")
	case "selp":
		return func(x, y, p, _ uint64) uint64 {
			if p != 0 {
				return in(x)
			}
			return in(y)
		}
	case "popc":
		return func(x, _, _, _ uint64) uint64 { return uint64(bits.OnesCount64(in(x))) }
	case "clz":
		return func(x, _, _, _ uint64) uint64 { return uint64(bits.LeadingZeros64(in(x))) - (64 - size) }
	case "brev":
		return func(x, _, _, _ uint64) uint64 { return bits.Reverse64(in(x)) >> (64 - size) }
	case "bfe":
		return func(x, y, z, _ uint64) uint64 { return extractBits(in(x), y&255, z&255, size, signed) }
	case "bfi":
		return insertBits
	case "prmt":
		return permuteBytes
	case "lop3":
		return lop3
	}
	return nil
}

// product returns mul and mad: the lower half, the upper half, or all of a product, plus z.
func product(op []string) function {
	kind := op[len(op)-1]
	in, size, signed, plus := integer(kind), uint64(8*typeSize(kind)), kind[0] == 's', op[0] == "mad"
	var f func(x, y uint64) uint64
	switch {
	case slices.Contains(op, "wide"):
		in = func(v uint64) uint64 { return v }
		if size == 16 {
			in = integer(kind[:1] + "32")
		}
		narrow := integer(kind)
		f = func(x, y uint64) uint64 { return narrow(x) * narrow(y) }
	case slices.Contains(op, "hi") && size == 64:
		f = func(x, y uint64) uint64 {
			high, _ := bits.Mul64(x, y)
			if signed {
				high -= y&uint64(int64(x)>>63) + x&uint64(int64(y)>>63)
			}
			return high
		}
	case slices.Contains(op, "hi"):
		f = func(x, y uint64) uint64 { return in(x) * in(y) >> size }
	default:
		f = func(x, y uint64) uint64 { return x * y }
	}
	if plus {
		return func(x, y, z, _ uint64) uint64 { return in(f(x, y) + z) }
	}
	return func(x, y, _, _ uint64) uint64 { return in(f(x, y)) }
}

// quotient returns div or rem. Division by 0 is an error; on a GPU, the result is undefined.
func quotient(in func(uint64) uint64, signed, remainder bool) function {
	return func(x, y, _, _ uint64) uint64 {
		x, y = in(x), in(y)
		switch {
		case y == 0:
			panic(fault("division by zero"))
		case signed && remainder:
			return in(uint64(int64(x) % int64(y)))
		case signed:
			return in(uint64(int64(x) / int64(y)))
		case remainder:
			return x % y
		}
		return x / y
	}
}

// funnel shifts two words, x below y, and returns the upper one (left) or the lower one.
func funnel(left, clamp bool) function {
	return func(x, y, n, _ uint64) uint64 {
		n &= math.MaxUint32
		if clamp {
			n = min(n, 32)
		} else {
			n &= 31
		}
		v := x&math.MaxUint32 | y<<32
		if left {
			return v << n >> 32
		}
		return v >> n & math.MaxUint32
	}
}

// extractBits returns length bits of x from position on. Bits beyond the end of x, and above a signed field, repeat the last bit;
// for an unsigned field they are 0.
func extractBits(x, position, length, size uint64, signed bool) uint64 {
	field := uint64(0)
	if position < size {
		field = x >> position & (1<<min(length, size-position) - 1)
	}
	if last := min(position+length-1, size-1); signed && length > 0 && x>>last&1 == 1 {
		if kept := min(length, size-min(position, size)); kept < size {
			field |= ^uint64(0) << kept
		}
	}
	if size == 32 {
		field &= math.MaxUint32
	}
	return field
}

// insertBits puts the low length bits of x into y at position.
func insertBits(x, y, position, length uint64) uint64 {
	mask := (uint64(1)<<(length&255) - 1) << (position & 255) & math.MaxUint32
	return y&^mask | x<<(position&255)&mask
}

// permuteBytes selects four of the bytes of x and y: each digit of z selects a byte, or its sign repeated.
func permuteBytes(x, y, z, _ uint64) uint64 {
	v, result := x&math.MaxUint32|y<<32, uint64(0)
	for i := range uint64(4) {
		b := v >> (8 * (z >> (4 * i) & 7)) & 255
		if z>>(4*i)&8 != 0 {
			b = 255 * (b >> 7)
		}
		result |= b << (8 * i)
	}
	return result
}

// lop3 computes a bitwise function of three words, given as a table of its eight values.
func lop3(a, b, c, table uint64) uint64 {
	result := uint64(0)
	for i := range uint64(8) {
		if table>>i&1 == 0 {
			continue
		}
		term := uint64(math.MaxUint32)
		for bit, v := range []uint64{c, b, a} {
			if i>>bit&1 == 0 {
				v = ^v
			}
			term &= v
		}
		result |= term
	}
	return result
}
