package emulator

import (
	"fmt"
	"regexp"
	"strings"
)

// callee is a function that kernels call. Calls are inlined, so a function must not be recursive.
type callee struct {
	name       string
	result     string // name of the parameter for the result, "" if there is none
	params     []string
	statements []string
}

var (
	callParamPattern = regexp.MustCompile(`^\.param (?:\.align \d+ )?\.(\w+) (\w+)$`)
	registerPattern  = regexp.MustCompile(`%([a-z]+\d+)\b`)
	jumpPattern      = regexp.MustCompile(`\$L\w+`)
)

// parseFunction parses a function; head is ".func (.param .b32 result) name(parameters)".
func parseFunction(head, body string) *callee {
	f := &callee{statements: statementsOf(body)}
	head = strings.TrimSpace(strings.TrimPrefix(head, ".func"))
	if strings.HasPrefix(head, "(") {
		result, rest, _ := strings.Cut(head[1:], ")")
		f.result, head = paramPattern.FindStringSubmatch(result)[3], rest
	}
	name, params, _ := strings.Cut(head, "(")
	f.name = strings.TrimSpace(name)
	for _, p := range paramPattern.FindAllStringSubmatch(params, -1) {
		f.params = append(f.params, p[3])
	}
	return f
}

// callParam allocates local memory for a parameter of calls.
func (a *assembler) callParam(name string, size uint64) {
	if _, ok := a.symbols[name]; ok {
		return // allocated for an earlier call
	}
	at := (uint64(a.localSize) + size - 1) / size * size
	a.symbols[name] = callParams + at
	a.localSize = int(at + size)
}

// call assembles a call with the operands (result), name, (parameters).
func (a *assembler) call(operands []string, branches *[]func()) error {
	result := ""
	if strings.HasPrefix(operands[0], "(") {
		result, operands = strings.Trim(operands[0], "() "), operands[1:]
	}
	f := a.functions[operands[0]]
	if f == nil {
		return fmt.Errorf("unknown function")
	}
	if f.result != "" {
		a.symbols[f.result] = a.symbols[result]
	}
	if len(operands) > 1 {
		for i, name := range strings.Split(strings.Trim(operands[1], "() "), ",") {
			a.symbols[f.params[i]] = a.symbols[strings.TrimSpace(name)]
		}
	}
	a.calls++
	suffix := fmt.Sprintf("_call%d", a.calls)
	end := "$Lend" + suffix
	for _, s := range f.statements {
		s = registerPattern.ReplaceAllString(s, "%${1}_"+f.name)
		s = jumpPattern.ReplaceAllString(s, "${0}"+suffix)
		if before, ok := strings.CutSuffix(s, "ret"); ok {
			s = before + "bra " + end
		}
		if err := a.statement(s, branches); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	a.labels[end] = len(a.code)
	return nil
}
