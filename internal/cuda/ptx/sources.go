package ptx

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	includePattern = regexp.MustCompile(`(?m)^#include "([^"]+)"`)
	sourcePattern  = regexp.MustCompile(`(?m)^// sources: (.*)$`)
)

// Sources describes the files that a .cu file is compiled from, itself and its includes: their names, and the SHA-256 of
// their [Code]. Comments don't count, so editing one doesn't require a new compilation.
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
		code := Code(string(text))
		fmt.Fprintf(hash, "%s %d\n%s", name, len(code), code)
		for _, include := range includePattern.FindAllStringSubmatch(code, -1) {
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

// Code returns a CUDA source without comments and blank lines, with each run of spaces and tabs as one space.
func Code(text string) string {
	var code strings.Builder
	for i := 0; i < len(text); {
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, "//"):
			i += until(rest, "\n", 0)
		case strings.HasPrefix(rest, "/*"):
			code.WriteByte(' ')
			i += until(rest[2:], "*/", 2) + 2
		case rest[0] == '"' || rest[0] == '\'':
			n := 1
			for n < len(rest) && rest[n] != rest[0] {
				if rest[n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(rest))
			code.WriteString(rest[:n])
			i += n
		default:
			code.WriteByte(rest[0])
			i++
		}
	}
	var lines []string
	for line := range strings.Lines(code.String()) {
		if fields := strings.Fields(line); len(fields) > 0 {
			lines = append(lines, strings.Join(fields, " "))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// until returns the length of text up to mark, plus extra for the mark itself; all of text if there is no mark.
func until(text, mark string, extra int) int {
	if at := strings.Index(text, mark); at >= 0 {
		return at + extra
	}
	return len(text)
}

// Header returns the comment at the top of a compiled file, which names the compiler and the sources.
func Header(compiler, sources string) string {
	return fmt.Sprintf("// Made by go run ./internal/cuda/compile with %s. Don't edit.\n// sources: %s\n", compiler, sources)
}

// SourcesOf returns the sources that the header of a compiled file names.
func SourcesOf(text string) string {
	if found := sourcePattern.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// Body returns a compiled file without its header.
func Body(text string) string {
	for strings.HasPrefix(text, "// Made by ") || strings.HasPrefix(text, "// sources: ") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}
