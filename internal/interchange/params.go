package interchange

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// params are the arguments of a constructor of DALLE-pytorch. An argument is read by name, with the constructor's default;
// an argument that is never read is unknown, which is an error.
type params struct {
	section string
	values  map[string]any
	asked   map[string]bool
	err     error // the first
}

func newParams(section string, values map[string]any) *params {
	return &params{section: section, values: values, asked: map[string]bool{}}
}

// get returns a value; ok is false if it is missing or None.
func (p *params) get(name string) (any, bool) {
	p.asked[name] = true
	v := p.values[name]
	return v, v != nil
}

func (p *params) fail(name string, v any, want string) {
	if p.err == nil {
		p.err = fmt.Errorf("has %s %.60q in its %s where %s is expected; name a checkpoint that DALLE-pytorch wrote", name, fmt.Sprint(v), p.section, want)
	}
}

// unsupported notes an argument that is not supported.
func (p *params) unsupported(name string, v any, remedy string) {
	if p.err == nil {
		p.err = fmt.Errorf("has %s %.60q in its %s, which is not supported; %s", name, fmt.Sprint(v), p.section, remedy)
	}
}

func (p *params) int(name string, missing int) int {
	v, ok := p.get(name)
	if !ok {
		return missing
	}
	n, ok := v.(int64)
	if !ok || n < 0 || n > math.MaxInt32 {
		p.fail(name, v, "an integer of 0 or more")
	}
	return int(n)
}

// needed reads an argument without a default.
func (p *params) needed(name string) int {
	if _, ok := p.get(name); !ok && p.err == nil {
		p.err = fmt.Errorf("has no %s in its %s; name a checkpoint that DALLE-pytorch wrote", name, p.section)
	}
	return p.int(name, 0)
}

func (p *params) float(name string, missing float64) float64 {
	v, ok := p.get(name)
	if !ok {
		return missing
	}
	f, ok := number(v)
	if !ok {
		p.fail(name, v, "a number")
	}
	return f
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return 0, false
}

func (p *params) bool(name string, missing bool) bool {
	v, ok := p.get(name)
	if !ok {
		return missing
	}
	b, ok := v.(bool)
	if !ok {
		p.fail(name, v, "True or False")
	}
	return b
}

// strings reads a tuple of strings; nil if it is missing.
func (p *params) strings(name string) (all []string) {
	v, ok := p.get(name)
	if !ok {
		return nil
	}
	items, _ := v.([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	if len(all) == 0 || len(all) != len(items) {
		p.fail(name, v, "a tuple of strings")
	}
	return all
}

// ids reads a tuple of numbers or strings, one for each layer, repeated until there are n. Equal entries get equal numbers.
func (p *params) ids(name string, n int) (all []int) {
	v, ok := p.get(name)
	if !ok {
		return nil
	}
	items, _ := v.([]any)
	if len(items) == 0 || n > 1<<16 {
		p.fail(name, v, "a tuple of names")
		return nil
	}
	seen := map[string]int{}
	for i := range n {
		var key string
		switch item := items[i%len(items)].(type) {
		case int64:
			key = strconv.FormatInt(item, 10)
		case string:
			key = item
		default:
			p.fail(name, v, "a tuple of names")
		}
		if _, ok := seen[key]; !ok {
			seen[key] = len(seen)
		}
		all = append(all, seen[key])
	}
	return all
}

// finish returns the first error, or one about an argument that was never read.
func (p *params) finish() error {
	if p.err != nil {
		return p.err
	}
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !p.asked[name] {
			p.unsupported(name, p.values[name], "import a model that was trained without")
			return p.err
		}
	}
	return nil
}
