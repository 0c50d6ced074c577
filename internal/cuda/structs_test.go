package cuda

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

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
	"depthwise.cu Depthwise":              kernel.Depthwise{},
	"drawing.cu Drawing":                  drawArguments{},
	"elementwise.cu Broadcast":            kernel.Broadcast{},
	"gemm.cuh Product":                    productArguments{},
	"group_norm.cuh GroupNorm":            groupNormArguments{},
	"memory.cu Words":                     words{},
	"movement.cu Strided":                 kernel.Strided{},
	"optimisation.cu AdamParam":           adamParam{},
	"optimisation.cu Share":               share{},
	"optimisation.cu Vector":              vector{},
	"pooling.cu Pool":                     kernel.Pool{},
	"products.cu Skinny":                  skinnyArguments{},
	"reductions.cu SumTo":                 sumToArguments{},
	"small.cu Layer":                      layerArguments{},
	"resolution.cu Windows":               kernel.Windows{},
	"suppression.cu Box":                  struct{ x0, y0, x1, y1, group float32 }{}, // rows of a buffer
	"winograd.cu Winograd":                winogradArguments{},
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
