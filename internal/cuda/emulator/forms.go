package emulator

import (
	"regexp"
	"strings"
)

// forms are the instructions that the emulator supports, as patterns of the opcode's modifiers. Others are errors, since an
// ignored modifier would give wrong results.
var forms = compileForms(map[string]string{
	"abs neg":        `s(16|32|64)|f(32|64)`,
	"add sub":        `[us](16|32|64)|(r[nzmp]\.)?f32|(rn\.)?f64`,
	"and or xor not": `pred|b(16|32|64)`,
	"atom red":       `global\.add\.[us]32`,
	"bar":            `sync|warp\.sync`,
	"bfe":            `[us](32|64)`,
	"bfi":            `b32`,
	"bra call":       `|uni`,
	"brev popc clz":  `b(32|64)`,
	"copysign":       `f(32|64)`,
	"cp":             `async\.(c[ag]\.shared\.global(\.L2::\d+B)?|commit_group|wait_group|wait_all)`,
	"cvt":            cvtForms,
	"cvta":           `(to\.)?(global|shared|local)\.u64`,
	"div":            `[us](16|32|64)|rn\.f(32|64)`,
	"ex2":            `approx\.ftz\.f32`,
	"fma":            `r[nzmp]\.f32|rn\.f64`,
	"ld":             `((global|shared|local|param)\.)?((nc|ca|cg|cs)\.)?(v[24]\.)?` + dataType,
	"ldmatrix":       `sync\.aligned\.m8n8\.x[124](\.trans)?\.shared\.b16`,
	"lop3":           `b32`,
	"mad":            `(lo|hi)\.[us](16|32|64)|wide\.[us](16|32)`,
	"max min":        `[us](16|32|64)|(NaN\.)?f32|f64`,
	"membar":         `gl`,
	"mma":            `sync\.aligned\.(m16n8k8\.row\.col\.f32\.tf32\.tf32|m16n8k16\.row\.col\.f32\.bf16\.bf16)\.f32`,
	"mov":            `pred|[bus](16|32|64)|f(32|64)`,
	"mul":            `(lo|hi)\.[us](16|32|64)|wide\.[us](16|32)|(r[nzmp]\.)?f32|(rn\.)?f64`,
	"prmt":           `b32`,
	"rcp":            `approx\.ftz\.f(32|64)|rn\.f(32|64)`,
	"rem":            `[us](16|32|64)`,
	"ret exit":       ``,
	"selp":           `[bus](16|32|64)|f(32|64)`,
	"setp":           `(eq|ne|lt|le|gt|ge|lo|ls|hi|hs|equ|neu|ltu|leu|gtu|geu|num|nan)\.((and|or|xor)\.)?([bus](16|32|64)|f(32|64))`,
	"shf":            `[lr]\.(wrap|clamp)\.b32`,
	"shfl":           `sync\.(up|down|bfly|idx)\.b32`,
	"shl":            `b(16|32|64)`,
	"shr":            `[bus](16|32|64)`,
	"sqrt":           `rn\.f(32|64)`,
	"st":             `((global|shared|local|param)\.)?(c[gs]\.)?(v[24]\.)?` + dataType,
	"vote":           `sync\.(ballot\.b32|(any|all)\.pred)`,
})

const (
	dataType = `([bus](8|16|32|64)|f(32|64))`
	// between integers; between integers and floating-point numbers; between floating-point numbers; to types of tensor cores
	cvtForms = `[us](8|16|32|64)\.[us](8|16|32|64)|rn\.f(32|64)\.[us](8|16|32|64)|r[nzmp]i\.[us](8|16|32|64)\.f(32|64)|` +
		`f64\.f32|rn\.f32\.f64|(r[nzmp]i\.)?(sat\.)?f32\.f32|r[nzmp]i\.f64\.f64|rn\.bf16x2\.f32|rna\.tf32\.f32`
)

func compileForms(patterns map[string]string) map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for names, pattern := range patterns {
		compiled := regexp.MustCompile(`^(` + pattern + `)$`)
		for _, name := range strings.Fields(names) {
			all[name] = compiled
		}
	}
	return all
}

// known reports whether the emulator supports an instruction.
func (a *assembler) known(opcode string) bool {
	is, seen := a.opcodes[opcode]
	if !seen {
		name, rest, _ := strings.Cut(opcode, ".")
		is = forms[name] != nil && forms[name].MatchString(rest)
		a.opcodes[opcode] = is
	}
	return is
}
