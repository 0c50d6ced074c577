package emulator

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// assemble gives an instruction its meaning.
func (a *assembler) assemble(in *instruction, op, operands []string) error {
	switch op[0] {
	case "ret", "exit":
		in.run = func(t *thread) { t.state = done }
		return nil
	case "ld", "ldu":
		return a.load(in, op, operands)
	case "st":
		return a.store(in, op, operands)
	case "atom", "red":
		return a.atomic(in, op, operands)
	case "cp":
		return a.copyAsync(in, op, operands)
	case "membar", "fence":
		in.run = func(*thread) {}
		return nil
	case "bar", "barrier":
		if slices.Contains(op, "warp") {
			in.run = func(t *thread) { t.state = atWarp }
			in.together = func(lanes []thread) { lanes[0].warps[lanes[0].index/32]++ }
			return nil
		}
		in.run = func(t *thread) { t.state = atBarrier }
		return nil
	case "shfl":
		return a.shuffle(in, op, operands)
	case "vote":
		return a.vote(in, op, operands)
	case "mma":
		return a.multiply(in, op, operands)
	case "ldmatrix":
		return a.loadMatrix(in, op, operands)
	case "mov":
		if strings.HasPrefix(operands[0], "{") || strings.HasPrefix(operands[1], "{") {
			return a.repack(in, op, operands)
		}
	case "setp":
		return a.compare(in, op, operands)
	}
	if op[0] == "lop3" || op[0] == "bfi" {
		op = []string{"mov", "b64"}
	}
	f, err := function(op)
	if err != nil {
		return err
	}
	to := a.register(operands[0])
	var from [4]value
	for i, name := range operands[1:] {
		if from[i], err = a.read(name); err != nil {
			return err
		}
	}
	x, y, z := from[0], from[1], from[2]
	switch len(operands) {
	case 2:
		in.run = func(t *thread) { t.regs[to] = f(x(t), 0, 0) }
	case 3:
		in.run = func(t *thread) { t.regs[to] = f(x(t), y(t), 0) }
	case 4:
		in.run = func(t *thread) { t.regs[to] = f(x(t), y(t), z(t)) }
	case 5:
		four, last := lop3, from[3]
		if strings.HasPrefix(in.text, "bfi") {
			four = insertBits
		}
		in.run = func(t *thread) { t.regs[to] = four(x(t), y(t), z(t), last(t)) }
	}
	return nil
}

// insertBits puts the low length bits of x into y at position.
func insertBits(x, y, position, length uint64) uint64 {
	mask := (uint64(1)<<(length&255) - 1) << (position & 255) & math.MaxUint32
	return y&^mask | x<<(position&255)&mask
}

// lop3 is the function of three words that a table of its eight values tells.
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

// function returns an operation on registers as a function of up to three operands.
func function(op []string) (func(x, y, z uint64) uint64, error) {
	kind := op[len(op)-1]
	has := func(s string) bool { return slices.Contains(op, s) }
	if op[0] == "cvt" {
		return conversion(op)
	}
	if op[0] == "cvta" {
		window := uint64(0)
		switch {
		case has("to"):
			return func(x, _, _ uint64) uint64 { return x &^ (sharedWindow | localWindow) }, nil
		case has("shared"):
			window = sharedWindow
		case has("local"):
			window = localWindow
		}
		return func(x, _, _ uint64) uint64 { return x | window }, nil
	}
	if kind[0] == 'f' {
		return floating(op)
	}
	in := integer(kind)
	size := uint64(8 * typeSize(kind))
	signed := kind[0] == 's'
	switch op[0] {
	case "mov", "cvt":
		return func(x, _, _ uint64) uint64 { return in(x) }, nil
	case "add":
		return func(x, y, _ uint64) uint64 { return in(x + y) }, nil
	case "sub":
		return func(x, y, _ uint64) uint64 { return in(x - y) }, nil
	case "mul", "mad":
		add := func(v, z uint64) uint64 { return v }
		if op[0] == "mad" {
			add = func(v, z uint64) uint64 { return v + z }
		}
		switch {
		case has("wide"):
			return func(x, y, z uint64) uint64 { return add(in(x)*in(y), z) }, nil
		case has("hi") && size == 64:
			return func(x, y, z uint64) uint64 {
				high, _ := bits.Mul64(x, y)
				if signed {
					high -= y&uint64(int64(x)>>63) + x&uint64(int64(y)>>63)
				}
				return add(high, z)
			}, nil
		case has("hi"):
			return func(x, y, z uint64) uint64 { return in(add(in(x)*in(y)>>size, z)) }, nil
		}
		return func(x, y, z uint64) uint64 { return in(add(x*y, z)) }, nil
	case "div", "rem":
		remainder := op[0] == "rem"
		return func(x, y, _ uint64) uint64 {
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
		}, nil
	case "min", "max":
		wantLess := op[0] == "min"
		return func(x, y, _ uint64) uint64 {
			less := in(x) < in(y)
			if signed {
				less = int64(in(x)) < int64(in(y))
			}
			if less == wantLess {
				return in(x)
			}
			return in(y)
		}, nil
	case "neg":
		return func(x, _, _ uint64) uint64 { return in(-x) }, nil
	case "abs":
		return func(x, _, _ uint64) uint64 { return max(in(x), in(-x)) & (1<<(size-1) - 1) }, nil
	case "and":
		return func(x, y, _ uint64) uint64 { return in(x & y) }, nil
	case "or":
		return func(x, y, _ uint64) uint64 { return in(x | y) }, nil
	case "xor":
		return func(x, y, _ uint64) uint64 { return in(x ^ y) }, nil
	case "not":
		if kind == "pred" {
			return func(x, _, _ uint64) uint64 { return 1 - x }, nil
		}
		return func(x, _, _ uint64) uint64 { return in(^x) }, nil
	case "shl":
		return func(x, y, _ uint64) uint64 { return in(x << min(y&math.MaxUint32, 64)) }, nil
	case "shr":
		return func(x, y, _ uint64) uint64 {
			y = min(y&math.MaxUint32, 63+1)
			if signed {
				return in(uint64(int64(in(x)) >> y))
			}
			return in(x) >> y
		}, nil
	case "shf":
		left := has("l")
		return func(x, y, z uint64) uint64 {
			v, n := x&math.MaxUint32|y<<32, z&31
			if left {
				return v << n >> 32 & math.MaxUint32
			}
			return v >> n & math.MaxUint32
		}, nil
	case "selp":
		return func(x, y, p uint64) uint64 {
			if p != 0 {
				return in(x)
			}
			return in(y)
		}, nil
	case "popc":
		return func(x, _, _ uint64) uint64 { return uint64(bits.OnesCount64(in(x))) }, nil
	case "clz":
		return func(x, _, _ uint64) uint64 { return uint64(bits.LeadingZeros64(in(x))) - (64 - size) }, nil
	case "brev":
		return func(x, _, _ uint64) uint64 { return bits.Reverse64(in(x)) >> (64 - size) }, nil
	case "bfe":
		return func(x, y, z uint64) uint64 {
			if signed {
				return in(uint64(int64(in(x)) << (64 - y&255 - z&255) >> (64 - z&255)))
			}
			return in(x) >> (y & 255) & (1<<(z&255) - 1)
		}, nil
	case "prmt":
		return func(x, y, z uint64) uint64 {
			v, r := x&math.MaxUint32|y<<32, uint64(0)
			for i := range uint64(4) {
				r |= v >> (8 * (z >> (4 * i) & 7)) & 255 << (8 * i)
			}
			return r
		}, nil
	}
	return nil, fmt.Errorf("an instruction that the emulator does not know")
}

// floating returns an operation on floating-point numbers.
func floating(op []string) (func(x, y, z uint64) uint64, error) {
	kind := op[len(op)-1]
	mode := "rn"
	flush := slices.Contains(op, "ftz")
	for _, m := range []string{"rz", "rm", "rp"} {
		if slices.Contains(op, m) {
			mode = m
		}
	}
	one := func(f func(x float64) float64) (func(x, y, z uint64) uint64, error) {
		return func(x, _, _ uint64) uint64 {
			if flush {
				return rounded(kind, mode, flushed(f(flushed(float(kind, x)))))
			}
			return rounded(kind, mode, f(float(kind, x)))
		}, nil
	}
	two := func(f func(x, y float64) float64) (func(x, y, z uint64) uint64, error) {
		return func(x, y, _ uint64) uint64 { return rounded(kind, mode, f(float(kind, x), float(kind, y))) }, nil
	}
	keepNaN := slices.Contains(op, "NaN")
	switch op[0] {
	case "mov":
		return func(x, _, _ uint64) uint64 { return x }, nil
	case "selp":
		return func(x, y, p uint64) uint64 {
			if p != 0 {
				return x
			}
			return y
		}, nil
	case "add":
		return two(func(x, y float64) float64 { return x + y })
	case "sub":
		return two(func(x, y float64) float64 { return x - y })
	case "mul":
		return two(func(x, y float64) float64 { return x * y })
	case "div":
		return two(func(x, y float64) float64 { return x / y })
	case "fma", "mad":
		return func(x, y, z uint64) uint64 {
			return rounded(kind, mode, math.FMA(float(kind, x), float(kind, y), float(kind, z)))
		}, nil
	case "min", "max":
		larger := op[0] == "max"
		return two(func(x, y float64) float64 {
			switch {
			case x != x && !keepNaN:
				return y
			case y != y && !keepNaN:
				return x
			case larger:
				return max(x, y)
			}
			return min(x, y)
		})
	case "neg":
		return one(func(x float64) float64 { return -x })
	case "abs":
		return one(math.Abs)
	case "sqrt":
		return one(math.Sqrt)
	case "rsqrt":
		return one(func(x float64) float64 { return 1 / math.Sqrt(x) })
	case "rcp":
		return one(func(x float64) float64 { return 1 / x })
	case "ex2":
		return one(math.Exp2)
	case "lg2":
		return one(math.Log2)
	case "sin":
		return one(math.Sin)
	case "cos":
		return one(math.Cos)
	case "tanh":
		return one(math.Tanh)
	case "copysign":
		return two(func(x, y float64) float64 { return math.Copysign(y, x) })
	}
	return nil, fmt.Errorf("an instruction that the emulator does not know")
}

// conversion returns cvt.
func conversion(op []string) (func(x, y, z uint64) uint64, error) {
	to, from := op[len(op)-2], op[len(op)-1]
	has := func(s string) bool { return slices.Contains(op, s) }
	integral := func(f float64) float64 {
		switch {
		case has("rni"):
			return math.RoundToEven(f)
		case has("rzi"):
			return math.Trunc(f)
		case has("rmi"):
			return math.Floor(f)
		case has("rpi"):
			return math.Ceil(f)
		}
		return f
	}
	switch {
	case to == "bf16x2":
		return func(x, y, _ uint64) uint64 { return bfloat16(x)<<16 | bfloat16(y) }, nil
	case to == "bf16":
		return func(x, _, _ uint64) uint64 { return bfloat16(x) }, nil
	case to == "tf32":
		return func(x, _, _ uint64) uint64 { // rna: halves away from zero
			if f := f32(x); math.IsInf(f, 0) || f != f {
				return x & math.MaxUint32
			}
			return (x&math.MaxUint32 + 0x1000) &^ 0x1fff
		}, nil
	case to[0] == 'f' && from[0] == 'f':
		return func(x, _, _ uint64) uint64 {
			f := integral(float(from, x))
			if has("ftz") {
				f = flushed(f)
			}
			if has("sat") {
				f = max(0, min(1, f))
				if f != f {
					f = 0
				}
			}
			return rounded(to, "rn", f)
		}, nil
	case to[0] == 'f':
		widened := integer(from)
		return func(x, _, _ uint64) uint64 {
			v := widened(x)
			if from[0] == 's' {
				if to == "f32" {
					return uint64(math.Float32bits(float32(int64(v))))
				}
				return rounded(to, "rn", float64(int64(v)))
			}
			if to == "f32" {
				return uint64(math.Float32bits(float32(v)))
			}
			return rounded(to, "rn", float64(v))
		}, nil
	case from[0] == 'f':
		size, cut := 8*typeSize(to), integer(to)
		return func(x, _, _ uint64) uint64 {
			f := integral(float(from, x))
			low, high := 0.0, math.Ldexp(1, size)
			if to[0] == 's' {
				low, high = -math.Ldexp(1, size-1), math.Ldexp(1, size-1)
			}
			switch { // out of range goes to the end of it
			case f != f:
				return 0
			case f < low:
				return cut(uint64(int64(low)))
			case f >= high:
				return cut(1<<(size-1) - 1 + uint64(math.Max(0, low+1))<<(size-1))
			case f >= 0x1p63:
				return uint64(f)
			}
			return cut(uint64(int64(f)))
		}, nil
	}
	widened, cut := integer(from), integer(to)
	return func(x, _, _ uint64) uint64 { return cut(widened(x)) }, nil
}

// bfloat16 rounds a single-precision number to the upper half of its bits, to even.
func bfloat16(x uint64) uint64 {
	x &= math.MaxUint32
	if f := f32(x); f != f {
		return 0x7fff
	}
	return (x + 0x7fff + x>>16&1) >> 16
}

// compare has setp, with an optional second predicate to combine with.
func (a *assembler) compare(in *instruction, op, operands []string) error {
	kind, relation := op[len(op)-1], op[1]
	names := strings.Split(operands[0], "|")
	to := a.register(names[0])
	x, err := a.read(operands[1])
	if err != nil {
		return err
	}
	y, err := a.read(operands[2])
	if err != nil {
		return err
	}
	holds := comparison(kind, relation)
	if holds == nil || len(names) > 1 {
		return fmt.Errorf("a comparison that the emulator does not know")
	}
	if len(operands) == 4 {
		p, err := a.read(operands[3])
		if err != nil {
			return err
		}
		combine := op[2]
		in.run = func(t *thread) {
			c, q := truth(holds(x(t), y(t))), p(t)
			switch combine {
			case "and":
				c &= q
			case "or":
				c |= q
			default:
				c ^= q
			}
			t.regs[to] = c
		}
		return nil
	}
	in.run = func(t *thread) { t.regs[to] = truth(holds(x(t), y(t))) }
	return nil
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func comparison(kind, relation string) func(x, y uint64) bool {
	if kind[0] == 'f' {
		unordered := strings.HasSuffix(relation, "u") && relation != "num"
		f := map[string]func(x, y float64) bool{
			"eq": func(x, y float64) bool { return x == y }, "ne": func(x, y float64) bool { return x < y || x > y },
			"lt": func(x, y float64) bool { return x < y }, "le": func(x, y float64) bool { return x <= y },
			"gt": func(x, y float64) bool { return x > y }, "ge": func(x, y float64) bool { return x >= y },
			"num": func(x, y float64) bool { return x == x && y == y }, "nan": func(x, y float64) bool { return x != x || y != y },
		}[strings.TrimSuffix(relation, "u")]
		if f == nil {
			return nil
		}
		return func(x, y uint64) bool {
			p, q := float(kind, x), float(kind, y)
			return f(p, q) || unordered && (p != p || q != q)
		}
	}
	relation = map[string]string{"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}[relation] + relation
	f := map[string]func(c int) bool{
		"eq": func(c int) bool { return c == 0 }, "ne": func(c int) bool { return c != 0 },
		"lt": func(c int) bool { return c < 0 }, "le": func(c int) bool { return c <= 0 },
		"gt": func(c int) bool { return c > 0 }, "ge": func(c int) bool { return c >= 0 },
	}[relation[:2]]
	if f == nil {
		return nil
	}
	signed, widened := kind[0] == 's', integer(kind)
	return func(x, y uint64) bool {
		x, y = widened(x), widened(y)
		if signed {
			return f(int(truth(int64(x) > int64(y))) - int(truth(int64(x) < int64(y))))
		}
		return f(int(truth(x > y)) - int(truth(x < y)))
	}
}

// repack has mov between a register and the pieces of one.
func (a *assembler) repack(in *instruction, op, operands []string) error {
	total := 8 * typeSize(op[len(op)-1])
	if strings.HasPrefix(operands[0], "{") {
		x, err := a.read(operands[1])
		if err != nil {
			return err
		}
		to := a.registerList(operands[0])
		piece := total / len(to)
		in.run = func(t *thread) {
			v := x(t)
			for i, r := range to {
				t.regs[r] = v >> (i * piece) & (1<<piece - 1)
			}
		}
		return nil
	}
	to := a.register(operands[0])
	from, err := a.readList(operands[1])
	if err != nil {
		return err
	}
	piece := total / len(from)
	in.run = func(t *thread) {
		v := uint64(0)
		for i, f := range from {
			v |= f(t) & (1<<piece - 1) << (i * piece)
		}
		t.regs[to] = v
	}
	return nil
}
