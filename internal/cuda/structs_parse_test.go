package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cuda/ptx"
)

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

// definesOf returns the numbers that are defined by #define in sources.
func definesOf(sources map[string]string) map[string]int {
	defines := map[string]int{}
	for _, text := range sources {
		for _, found := range definePattern.FindAllStringSubmatch(text, -1) {
			defines[found[1]], _ = strconv.Atoi(found[2])
		}
	}
	return defines
}
