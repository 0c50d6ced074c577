package emulator

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Kernel is a kernel of a PTX text, ready to run.
type Kernel struct {
	Name       string
	code       []instruction
	registers  int
	sharedSize uint64 // static
	localSize  int
	fences     bool // whether the kernel has fences
	parameters []parameter
	threads    int // of a block, at most
}

// parameter is the position of a parameter in the memory of all parameters.
type parameter struct{ at, size uint64 }

type instruction struct {
	text     string
	guard    int    // register of the predicate, −1 if there is none
	want     uint64 // value of the predicate with which the instruction runs
	run      func(t *thread)
	together func(lanes []thread) // for collective instructions
}

func (i *instruction) String() string { return i.text }

var (
	commentPattern  = regexp.MustCompile(`//.*`)
	variablePattern = regexp.MustCompile(`^(?:\.visible |\.extern |\.weak )*\.(shared|local) \.align (\d+) \.[bu](\d+) \s*([\w$]+)(?:\[(\d*)\])?$`)
	paramPattern    = regexp.MustCompile(`\.param (?:\.align (\d+) )?\.(\w+) (?:\.ptr [.\w ]*)?(\w+)(?:\[(\d+)\])?`)
	boundsPattern   = regexp.MustCompile(`\.maxntid (\d+), (\d+), (\d+)`)
)

// Parse parses the kernels of a PTX text.
func Parse(text string) (map[string]*Kernel, error) {
	text = commentPattern.ReplaceAllString(text, "")
	kernels := map[string]*Kernel{}
	var common []string // variables of the whole file
	functions := map[string]*callee{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if strings.HasPrefix(text, ".visible .entry ") {
			head, rest, _ := strings.Cut(text, "{")
			end := closing(rest)
			k, err := parseKernel(head, rest[:end], common, functions)
			if err != nil {
				return nil, err
			}
			kernels[k.Name] = k
			text = rest[end+1:]
			continue
		}
		if strings.HasPrefix(text, ".func ") {
			head, rest, _ := strings.Cut(text, "{")
			end := closing(rest)
			f := parseFunction(head, rest[:end])
			functions[f.name] = f
			text = rest[end+1:]
			continue
		}
		line, rest, _ := strings.Cut(text, "\n")
		line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), ";"))
		switch {
		case variablePattern.MatchString(line):
			common = append(common, line)
		case strings.HasPrefix(line, ".global ") && !strings.Contains(line, "["): // a constant, which the code has as a number
		case !strings.HasPrefix(line, ".version") && !strings.HasPrefix(line, ".target") && !strings.HasPrefix(line, ".address_size"):
			return nil, fmt.Errorf("can't parse: %s", line)
		}
		text = rest
	}
	return kernels, nil
}

// closing returns the position of the brace that closes a body.
func closing(body string) int {
	depth := 1
	for i, c := range body {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(body)
}

func parseKernel(head, body string, common []string, functions map[string]*callee) (*Kernel, error) {
	name, params, _ := strings.Cut(strings.TrimPrefix(head, ".visible .entry "), "(")
	a := &assembler{Kernel: &Kernel{Name: strings.TrimSpace(name)}, registers: map[string]int{}, symbols: map[string]uint64{}, labels: map[string]int{}, declared: map[string]bool{}, opcodes: map[string]bool{}, functions: functions}
	at := uint64(0)
	for _, p := range paramPattern.FindAllStringSubmatch(params, -1) {
		size := uint64(typeSize(p[2]))
		align := size
		if p[1] != "" {
			align, _ = strconv.ParseUint(p[1], 10, 64)
		}
		if p[4] != "" {
			n, _ := strconv.ParseUint(p[4], 10, 64)
			size *= n
		}
		at = (at + align - 1) / align * align
		a.symbols[p[3]] = at
		a.parameters = append(a.parameters, parameter{at, size})
		at += size
	}
	if at > mostParameters {
		return nil, fmt.Errorf("%s has %d bytes of parameters; drivers before CUDA 12.1 take %d", a.Name, at, mostParameters)
	}
	a.threads = mostUnbounded
	if bounds := boundsPattern.FindStringSubmatch(params); bounds != nil {
		a.threads = 1
		for _, n := range bounds[1:] {
			size, _ := strconv.Atoi(n)
			a.threads *= size
		}
	}
	var extern []string
	for _, line := range common {
		if v := variablePattern.FindStringSubmatch(line); strings.HasSuffix(line, "[]") {
			extern = append(extern, line)
		} else if strings.Contains(body, v[4]) { // a kernel gets the variables that it uses
			a.variable(v)
		}
	}
	statements := statementsOf(body)
	for _, s := range statements {
		if v := variablePattern.FindStringSubmatch(s); v != nil {
			a.variable(v)
		}
	}
	for _, line := range extern { // dynamic shared memory follows static shared memory
		a.sharedSize = (a.sharedSize + 15) / 16 * 16
		a.symbols[variablePattern.FindStringSubmatch(line)[4]] = a.sharedSize
	}
	var branches []func()
	for _, s := range statements {
		if err := a.statement(s, &branches); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", a.Name, s, err)
		}
	}
	for _, resolve := range branches {
		resolve()
	}
	a.Kernel.registers = len(a.registers)
	return a.Kernel, nil
}

// statementsOf splits a body into statements.
func statementsOf(body string) []string {
	var statements []string
	for _, s := range strings.Split(strings.NewReplacer("\n", " ", "\t", " ").Replace(body), ";") {
		if s = unbraced(s); s != "" {
			statements = append(statements, s)
		}
	}
	return statements
}

// unbraced returns s without the leading braces of blocks of inline assembly.
func unbraced(s string) string { return strings.TrimLeft(s, "{} ") }

func (a *assembler) variable(v []string) {
	align, _ := strconv.ParseUint(v[2], 10, 64)
	size, _ := strconv.ParseUint(v[3], 10, 64)
	size /= 8
	if v[5] != "" {
		n, _ := strconv.ParseUint(v[5], 10, 64)
		size *= n
	}
	if v[1] == "local" {
		at := (uint64(a.localSize) + align - 1) / align * align
		a.symbols[v[4]] = at
		a.localSize = int(at + size)
		return
	}
	at := (a.sharedSize + align - 1) / align * align
	a.symbols[v[4]] = at
	a.sharedSize = at + size
}
