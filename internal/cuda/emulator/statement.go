package emulator

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// assembler makes instructions of the statements of a kernel.
type assembler struct {
	*Kernel
	registers map[string]int
	symbols   map[string]uint64 // addresses of variables and parameters
	labels    map[string]int
	functions map[string]*callee
	calls     int
	opcodes   map[string]bool // whether they are supported
	declared  map[string]bool // prefixes of registers
	unknown   string          // a register that isn't declared
}

var (
	labelPattern       = regexp.MustCompile(`^(\$?\w+):\s*`)
	registerName       = regexp.MustCompile(`^(%[a-z]+)\d*(?:_\w+)?$`) // in functions followed by the function's name
	declarationPattern = regexp.MustCompile(`^\.reg \.\w+\s+(%[a-z]+)(?:<\d+>)?$`)
)

// statement assembles a statement, which may begin with labels.
func (a *assembler) statement(s string, branches *[]func()) error {
	for strings.Contains(s, ":") {
		label := labelPattern.FindStringSubmatch(s)
		if label == nil {
			break
		}
		a.labels[label[1]] = len(a.code)
		s = unbraced(s[len(label[0]):])
	}
	if s == "" || s[0] == '.' {
		a.declare(s)
		return nil
	}
	in := instruction{text: s, guard: -1}
	if s[0] == '@' {
		guard, rest, _ := strings.Cut(s[1:], " ")
		in.want = 1
		if guard[0] == '!' {
			in.want, guard = 0, guard[1:]
		}
		in.guard = a.register(guard)
		s = strings.TrimSpace(rest)
	}
	opcode, rest, _ := strings.Cut(s, " ")
	if !a.known(opcode) {
		return fmt.Errorf("unknown instruction")
	}
	op := strings.Split(opcode, ".")
	operands := splitOperands(rest)
	if op[0] == "call" {
		return a.call(operands, branches)
	}
	if op[0] == "bra" {
		var target int
		label := operands[0]
		*branches = append(*branches, func() {
			at, ok := a.labels[label]
			if !ok {
				panic("emulator: no label " + label)
			}
			target = at
		})
		in.run = func(t *thread) { t.pc = target }
		a.code = append(a.code, in)
		return nil
	}
	if err := a.assemble(&in, op, operands); err != nil {
		return err
	}
	if in.together != nil {
		in.run = func(t *thread) { t.state = atWarp }
	}
	if a.unknown != "" {
		return fmt.Errorf("undeclared register %s", a.unknown)
	}
	a.code = append(a.code, in)
	return nil
}

// declare records the registers and parameters of a directive.
func (a *assembler) declare(directive string) {
	if v := callParamPattern.FindStringSubmatch(directive); v != nil {
		a.callParam(v[2], uint64(typeSize(v[1])))
	} else if v := declarationPattern.FindStringSubmatch(directive); v != nil {
		a.declared[v[1]] = true
	}
}

// splitOperands splits at commas outside of braces and brackets.
func splitOperands(s string) []string {
	var parts []string
	depth, from := 0, 0
	for i, c := range s {
		switch c {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	if rest := strings.TrimSpace(s[from:]); rest != "" {
		parts = append(parts, rest)
	}
	return parts
}

// register returns the number of a register.
func (a *assembler) register(name string) int {
	n, ok := a.registers[name]
	if !ok {
		if d := registerName.FindStringSubmatch(name); name != "_" && (d == nil || !a.declared[d[1]]) {
			a.unknown = name
		}
		n = len(a.registers)
		a.registers[name] = n
	}
	return n
}

// registerList returns the numbers of registers in braces, or of one register.
func (a *assembler) registerList(operand string) (numbers []int) {
	for _, name := range list(operand) {
		numbers = append(numbers, a.register(name))
	}
	return numbers
}

// typeSize returns the size of a type such as f32 in bytes; a predicate has 1.
func typeSize(name string) int {
	if name == "bf16x2" || name == "f16x2" || name == "tf32" {
		return 4
	}
	bits, err := strconv.Atoi(strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz"))
	if err != nil {
		return 1
	}
	return bits / 8
}
