// Package ptx reads what the CUDA package needs to know about its compiled kernels: their names, the sizes of their
// parameters, and the sources that they were compiled from.
package ptx

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Entry is a kernel in a PTX text.
type Entry struct {
	Name   string
	Params []int // size of each parameter in bytes
}

var (
	entryPattern   = regexp.MustCompile(`\.visible \.entry (\w+)\(([^)]*)\)`)
	paramPattern   = regexp.MustCompile(`\.param (?:\.align \d+ )?\.(\w+) (?:\.ptr [.\w ]*)?\w+(?:\[(\d+)\])?`)
	includePattern = regexp.MustCompile(`(?m)^#include "([^"]+)"`)
	sourcePattern  = regexp.MustCompile(`(?m)^// sources: (.*)$`)
)

// Entries lists the kernels of a PTX text.
func Entries(text string) ([]Entry, error) {
	var entries []Entry
	for _, found := range entryPattern.FindAllStringSubmatch(text, -1) {
		e := Entry{Name: found[1]}
		for _, param := range paramPattern.FindAllStringSubmatch(found[2], -1) {
			bits, err := strconv.Atoi(strings.TrimLeft(param[1], "busf"))
			if err != nil {
				return nil, fmt.Errorf("kernel %s: a parameter of type %s", e.Name, param[1])
			}
			size := bits / 8
			if param[2] != "" {
				n, err := strconv.Atoi(param[2])
				if err != nil {
					return nil, fmt.Errorf("kernel %s: a parameter of %s elements", e.Name, param[2])
				}
				size *= n
			}
			e.Params = append(e.Params, size)
		}
		if want := strings.Count(found[2], ".param"); len(e.Params) != want {
			return nil, fmt.Errorf("kernel %s: %d of %d parameters understood", e.Name, len(e.Params), want)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Sources describes the files that a kernel file is compiled from, itself and what it includes, by their names and the
// SHA-256 of their contents.
func Sources(files fs.FS, name string) (string, error) {
	var names []string
	hash := sha256.New()
	var visit func(name string) error
	visit = func(name string) error {
		if slices.Contains(names, name) {
			return nil
		}
		names = append(names, name)
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(text), text)
		for _, include := range includePattern.FindAllStringSubmatch(string(text), -1) {
			if err := visit(path.Join(path.Dir(name), include[1])); err != nil {
				return err
			}
		}
		return nil
	}
	if err := visit(name); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s sha256 %x", strings.Join(names, " "), hash.Sum(nil)), nil
}

// Header is the comment with which a compiled file tells the compiler and the sources that it comes from.
func Header(compiler, sources string) string {
	return fmt.Sprintf("// Made by go run ./internal/cuda/compile with %s. Don't edit.\n// sources: %s\n", compiler, sources)
}

// SourcesOf returns the sources that the header of a compiled file tells.
func SourcesOf(text string) string {
	if found := sourcePattern.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}
