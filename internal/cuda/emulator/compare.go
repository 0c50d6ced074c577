package emulator

import (
	"fmt"
	"strings"
)

// compare assembles setp, with an optional second predicate to combine with.
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
		return fmt.Errorf("unknown comparison")
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
