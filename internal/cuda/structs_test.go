package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cuda/ptx"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// sharedStructs are the Go types of the structs that kernels take, by file and name in CUDA. The fields of both must have the
// same names (without regard to case and underscores), types and offsets.
var sharedStructs = map[string]any{
	"attention_arguments.cuh Attention":   attentionArguments{},
	"batch_norm.cuh BatchGrad":            batchGradArguments{},
	"batch_norm.cuh Moments":              struct{ first, second float64 }{}, // Go only provides the memory
	"batch_norm.cuh Running":              runningArguments{},
	"convolution_patches.cuh Convolution": convolutionArguments{},
	"decoding.cu Rows":                    rowArguments{},
	"drawing.cu Drawing":                  drawArguments{},
	"elementwise.cu Broadcast":            kernel.Broadcast{},
	"gemm.cuh Product":                    productArguments{},
	"memory.cu Words":                     words{},
	"movement.cu Strided":                 kernel.Strided{},
	"optimisation.cu AdamParam":           adamParam{},
	"optimisation.cu Share":               share{},
	"optimisation.cu Vector":              vector{},
	"products.cu Few":                     skinnyArguments{},
	"reductions.cu SumTo":                 sumToArguments{},
	"small.cu Layer":                      layerArguments{},
	"winograd.cu Winograd":                winogradArguments{},
}

// field is a field of a struct, or of a struct within it: "split.parts".
type field struct {
	name         string
	typ          string // of CUDA, "*" for a pointer
	count        int    // of an array's elements, 1 for others
	offset, size int
}

// cudaStruct is the definition of a struct in CUDA C.
type cudaStruct struct {
	file, name, body string
}

var (
	structPattern = regexp.MustCompile(`(?m)^struct (?:__align__\(\d+\) )?(\w+) \{`)
	definePattern = regexp.MustCompile(`(?m)^#define (\w+) (\d+)$`)
	sizesOfTypes  = map[string]int{"*": 8, "i64": 8, "u64": 8, "double": 8, "int": 4, "u32": 4, "float": 4}
)

// cudaSources returns the code of all .cu and .cuh files, by name.
func cudaSources(t *testing.T) map[string]string {
	t.Helper()
	sources := map[string]string{}
	for _, pattern := range []string{"*.cu", "*.cuh"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources[file] = ptx.Code(string(text))
		}
	}
	return sources
}

// structsOf returns the structs that are defined in sources.
func structsOf(sources map[string]string) (all []cudaStruct) {
	for file, text := range sources {
		for _, at := range structPattern.FindAllStringSubmatchIndex(text, -1) {
			all = append(all, cudaStruct{file, text[at[2]:at[3]], text[at[1] : at[1]+endOfBlock(text[at[1]:])]})
		}
	}
	return all
}

// endOfBlock returns the position of the brace that closes a block, given the text after the brace that opens it.
func endOfBlock(text string) int {
	depth := 1
	for i, c := range text {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// declarations returns the declarations of fields in the body of a struct, without its functions and constants.
func declarations(body string) (found []string) {
	for {
		at := strings.IndexAny(body, ";{")
		if at < 0 {
			return found
		}
		if body[at] == '{' {
			body = body[at+1:]
			body = body[endOfBlock(body)+1:]
			continue
		}
		if d := strings.TrimSpace(body[:at]); !strings.HasPrefix(d, "static") {
			found = append(found, d)
		}
		body = body[at+1:]
	}
}

// fieldsOf lays out a struct as the CUDA compiler does: each field at a multiple of its alignment.
func fieldsOf(s cudaStruct, all []cudaStruct, defines map[string]int) (fields []field, size int, err error) {
	alignment := 1
	for _, d := range declarations(s.body) {
		typ, names, ok := strings.Cut(strings.TrimPrefix(d, "const "), " ")
		if !ok {
			return nil, 0, fmt.Errorf("%s: can't parse %q", s.name, d)
		}
		for name := range strings.SplitSeq(names, ",") {
			f := field{name: strings.TrimSpace(name), typ: typ, count: 1}
			if pointer, found := strings.CutPrefix(f.name, "*"); found {
				f.name, f.typ = pointer, "*"
			}
			if before, length, found := strings.Cut(f.name, "["); found {
				length = strings.TrimSuffix(length, "]")
				f.name = before
				if f.count = defines[length]; f.count == 0 {
					if f.count, err = strconv.Atoi(length); err != nil {
						return nil, 0, err
					}
				}
			}
			add, align := []field{f}, sizesOfTypes[f.typ]
			add[0].size = f.count * align
			if align == 0 {
				at := slices.IndexFunc(all, func(c cudaStruct) bool { return c.name == f.typ })
				if at < 0 {
					return nil, 0, fmt.Errorf("%s.%s: unknown type %s", s.name, f.name, f.typ)
				}
				inner, innerSize, err := fieldsOf(all[at], all, defines)
				if err != nil {
					return nil, 0, err
				}
				for i := range inner {
					align = max(align, inner[i].size/inner[i].count)
					inner[i].name = f.name + "." + inner[i].name
				}
				add, f.size = inner, innerSize
			} else {
				f.size = add[0].size
			}
			alignment = max(alignment, align)
			size = (size + align - 1) / align * align
			for _, a := range add {
				a.offset += size
				fields = append(fields, a)
			}
			size += f.size
		}
	}
	return fields, (size + alignment - 1) / alignment * alignment, nil
}

// goTypes are the kinds of Go that a CUDA type may have in Go.
var goTypes = map[string][]reflect.Kind{
	"*": {reflect.Uint64}, "u64": {reflect.Uint64}, "i64": {reflect.Int64, reflect.Int}, "double": {reflect.Float64},
	"int": {reflect.Int32}, "u32": {reflect.Uint32}, "float": {reflect.Float32},
}

// goField is a field of a Go struct, as field is of a CUDA struct.
type goField struct {
	field
	kind reflect.Kind
}

func goFieldsOf(t reflect.Type, prefix string, offset int) (fields []goField) {
	for i := range t.NumField() {
		f := t.Field(i)
		g := goField{field{name: prefix + f.Name, count: 1, offset: offset + int(f.Offset), size: int(f.Type.Size())}, f.Type.Kind()}
		switch g.kind {
		case reflect.Struct:
			fields = append(fields, goFieldsOf(f.Type, g.name+".", g.offset)...)
			continue
		case reflect.Array:
			g.count, g.kind = f.Type.Len(), f.Type.Elem().Kind()
		}
		fields = append(fields, g)
	}
	return fields
}

// compareStructs returns how a Go struct differs from the CUDA struct that it is passed as; nil if it doesn't.
func compareStructs(s cudaStruct, all []cudaStruct, defines map[string]int, v any) error {
	want, size, err := fieldsOf(s, all, defines)
	if err != nil {
		return err
	}
	got := goFieldsOf(reflect.TypeOf(v), "", 0)
	if len(got) != len(want) || int(reflect.TypeOf(v).Size()) != size {
		return fmt.Errorf("%s has %d fields and %d bytes, %T %d and %d", s.name, len(want), size, v, len(got), reflect.TypeOf(v).Size())
	}
	plain := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
	for i, g := range got {
		w := want[i]
		if plain(g.name) != plain(w.name) || g.offset != w.offset || g.size != w.size || g.count != w.count || !slices.Contains(goTypes[w.typ], g.kind) {
			return fmt.Errorf("field %d of %s is %s %s (%d bytes at %d), of %T %s %s (%d bytes at %d)", i, s.name, w.typ, w.name, w.size, w.offset,
				v, g.kind, g.name, g.size, g.offset)
		}
	}
	return nil
}

func definesOf(sources map[string]string) map[string]int {
	defines := map[string]int{}
	for _, text := range sources {
		for _, found := range definePattern.FindAllStringSubmatch(text, -1) {
			defines[found[1]], _ = strconv.Atoi(found[2])
		}
	}
	return defines
}

// TestSharedStructs compares each struct that a kernel takes with its Go type, field by field, and checks that there are no
// others.
func TestSharedStructs(t *testing.T) {
	sources := cudaSources(t)
	all, defines := structsOf(sources), definesOf(sources)
	checked := map[string]bool{}
	for _, s := range all {
		if v, ok := sharedStructs[s.file+" "+s.name]; ok {
			checked[s.name] = true
			if err := compareStructs(s, all, defines, v); err != nil {
				t.Errorf("%s: %v", s.file, err)
			}
		}
	}
	if len(checked) != len(sharedStructs) {
		t.Errorf("%d of %d structs were found: %v", len(checked), len(sharedStructs), checked)
	}
	parameters := regexp.MustCompile(`extern "C" __global__ [^{]*?\((.*?)\) \{`)
	taken := 0
	for file, text := range sources {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\\\n", " "), "\n", " ")
		for _, found := range parameters.FindAllStringSubmatch(text, -1) {
			for _, s := range all {
				if regexp.MustCompile(`\b`+s.name+`\b`).MatchString(found[1]) && !checked[s.name] {
					t.Errorf("%s: a kernel takes %s, which isn't among sharedStructs", file, s.name)
				}
			}
			taken++
		}
	}
	if taken < 80 {
		t.Errorf("parameters of %d kernels were found", taken)
	}
}

// TestSharedStructsNoticesSwaps swaps each two neighbouring fields of each shared struct in its CUDA definition, and changes
// each type: the comparison must fail, even where sizes stay the same.
func TestSharedStructsNoticesSwaps(t *testing.T) {
	sources := cudaSources(t)
	all, defines := structsOf(sources), definesOf(sources)
	other := map[string]string{"*": "i64", "i64": "double", "u64": "double", "double": "i64", "int": "float", "u32": "int", "float": "u32"}
	swaps, sameSize := 0, 0
	for _, s := range all {
		v, ok := sharedStructs[s.file+" "+s.name]
		if !ok {
			continue
		}
		var singles []string // a declaration for each field
		for _, d := range declarations(s.body) {
			typ, names, _ := strings.Cut(strings.TrimPrefix(d, "const "), " ")
			for name := range strings.SplitSeq(names, ",") {
				singles = append(singles, typ+" "+strings.TrimSpace(name))
			}
		}
		with := func(fields []string) error {
			changed := s
			changed.body = strings.Join(fields, ";") + ";"
			return compareStructs(changed, all, defines, v)
		}
		if err := with(singles); err != nil {
			t.Fatal(err)
		}
		for i, d := range singles {
			if i > 0 {
				swapped := slices.Clone(singles)
				swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
				if with(swapped) == nil {
					t.Errorf("%s: no difference is noticed after swapping %q and %q", s.name, singles[i-1], d)
				}
				swaps++
				before, _, _ := strings.Cut(singles[i-1], " ")
				if after, _, _ := strings.Cut(d, " "); before == after {
					sameSize++
				}
			}
			typ, name, _ := strings.Cut(d, " ")
			name, pointer := strings.CutPrefix(name, "*")
			if pointer {
				typ = "*"
			}
			if _, ok := other[typ]; !ok {
				continue // a struct
			}
			retyped := slices.Clone(singles)
			retyped[i] = other[typ] + " " + name
			if with(retyped) == nil {
				t.Errorf("%s: no difference is noticed after changing %q to %q", s.name, d, retyped[i])
			}
		}
	}
	if swaps < 150 || sameSize < 100 {
		t.Errorf("%d swaps, %d of fields of one type", swaps, sameSize)
	}
	t.Logf("%d swaps, %d of them of fields of one type", swaps, sameSize)
}
