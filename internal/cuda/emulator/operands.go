package emulator

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// value reads the value of an operand.
type value func(t *thread) uint64

var special = map[string]value{
	"%tid.x": func(t *thread) uint64 { return uint64(t.id[0]) }, "%tid.y": func(t *thread) uint64 { return uint64(t.id[1]) },
	"%tid.z":  func(t *thread) uint64 { return uint64(t.id[2]) },
	"%ntid.x": func(t *thread) uint64 { return uint64(t.dim[0]) }, "%ntid.y": func(t *thread) uint64 { return uint64(t.dim[1]) },
	"%ntid.z":  func(t *thread) uint64 { return uint64(t.dim[2]) },
	"%ctaid.x": func(t *thread) uint64 { return uint64(t.block.id[0]) }, "%ctaid.y": func(t *thread) uint64 { return uint64(t.block.id[1]) },
	"%ctaid.z":  func(t *thread) uint64 { return uint64(t.block.id[2]) },
	"%nctaid.x": func(t *thread) uint64 { return uint64(t.grid[0]) }, "%nctaid.y": func(t *thread) uint64 { return uint64(t.grid[1]) },
	"%nctaid.z": func(t *thread) uint64 { return uint64(t.grid[2]) },
	"%laneid":   func(t *thread) uint64 { return uint64(t.index % 32) },
}

// read returns the reader of a register, a number or an address.
func (a *assembler) read(s string) (value, error) {
	if v, ok := special[s]; ok {
		return v, nil
	}
	if at, ok := a.symbols[s]; ok {
		return func(*thread) uint64 { return at }, nil
	}
	if n, ok, err := number(s); ok {
		return func(*thread) uint64 { return n }, err
	}
	if s[0] == '_' || s[0] == '$' {
		return nil, fmt.Errorf("unknown variable")
	}
	if s[0] == '!' {
		r := a.register(s[1:])
		return func(t *thread) uint64 { return 1 - t.regs[r] }, nil
	}
	r := a.register(s)
	return func(t *thread) uint64 { return t.regs[r] }, nil
}

// number parses an operand that is a number.
func number(s string) (n uint64, is bool, err error) {
	switch {
	case strings.HasPrefix(s, "0f") || strings.HasPrefix(s, "0d"):
		n, err = strconv.ParseUint(s[2:], 16, 64)
	case s[0] == '-':
		var signed int64
		signed, err = strconv.ParseInt(s, 0, 64)
		n = uint64(signed)
	case s[0] >= '0' && s[0] <= '9':
		n, err = strconv.ParseUint(s, 0, 64)
	default:
		return 0, false, nil
	}
	return n, true, err
}

// readList returns the readers of operands in braces, or of one operand.
func (a *assembler) readList(operand string) (values []value, err error) {
	for _, name := range list(operand) {
		v, err := a.read(name)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// list returns the names in {a, b}, or the only name.
func list(s string) []string {
	if !strings.HasPrefix(s, "{") {
		return []string{s}
	}
	parts := strings.Split(strings.Trim(s, "{}"), ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// address returns the reader of an address such as [%rd1+16].
func (a *assembler) address(s string) (value, error) {
	s = strings.TrimSpace(strings.Trim(s, "[]"))
	base, offset := s, int64(0)
	if i := strings.LastIndexAny(s, "+"); i > 0 {
		n, err := strconv.ParseInt(strings.TrimSpace(s[i+1:]), 0, 64)
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", s, err)
		}
		base, offset = strings.TrimSpace(s[:i]), n
	}
	v, err := a.read(base)
	if err != nil {
		return nil, err
	}
	return func(t *thread) uint64 { return v(t) + uint64(offset) }, nil
}

func f32(v uint64) float64 { return float64(math.Float32frombits(uint32(v))) }
func f64(v uint64) float64 { return math.Float64frombits(v) }

func bits32(f float64) uint64 { return uint64(math.Float32bits(float32(f))) }

// float converts the bits v of a floating-point type.
func float(kind string, v uint64) float64 {
	if kind == "f64" {
		return f64(v)
	}
	return f32(v)
}

// integer extends the bits of a type such as s32 to 64 bits.
func integer(kind string) func(v uint64) uint64 {
	unused := 64 - 8*typeSize(kind)
	switch {
	case kind == "pred":
		return func(v uint64) uint64 { return v & 1 } // true is written as −1, too
	case unused == 0:
		return func(v uint64) uint64 { return v }
	case kind[0] == 's':
		return func(v uint64) uint64 { return uint64(int64(v<<unused) >> unused) }
	}
	return func(v uint64) uint64 { return v << unused >> unused }
}
