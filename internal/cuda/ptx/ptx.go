// Package ptx reads the facts about compiled kernels that package cuda needs: their names, the sizes of their parameters,
// and the sources that they were compiled from.
package ptx

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Entry is a kernel in a PTX text.
type Entry struct {
	Name   string
	Params []int // size of each parameter in bytes
}

var (
	entryPattern = regexp.MustCompile(`\.visible \.entry (\w+)\(([^)]*)\)`)
	paramPattern = regexp.MustCompile(`\.param (?:\.align \d+ )?\.(\w+) (?:\.ptr [.\w ]*)?\w+(?:\[(\d+)\])?`)
)

// Entries lists the kernels of a PTX text.
func Entries(text string) ([]Entry, error) {
	var entries []Entry
	for _, found := range entryPattern.FindAllStringSubmatch(text, -1) {
		e := Entry{Name: found[1]}
		for _, param := range paramPattern.FindAllStringSubmatch(found[2], -1) {
			bits, err := strconv.Atoi(strings.TrimLeft(param[1], "busf"))
			if err != nil {
				return nil, fmt.Errorf("kernel %s: unknown parameter type %s", e.Name, param[1])
			}
			size := bits / 8
			if param[2] != "" {
				n, err := strconv.Atoi(param[2])
				if err != nil {
					return nil, fmt.Errorf("kernel %s: bad parameter size %s", e.Name, param[2])
				}
				size *= n
			}
			e.Params = append(e.Params, size)
		}
		if want := strings.Count(found[2], ".param"); len(e.Params) != want {
			return nil, fmt.Errorf("kernel %s: parsed %d of %d parameters", e.Name, len(e.Params), want)
		}
		entries = append(entries, e)
	}
	return entries, nil
}
