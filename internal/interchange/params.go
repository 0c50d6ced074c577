package interchange

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// params are the arguments of a constructor of DALLE-pytorch. An argument is read by its name and with the default of
// its constructor; what none has asked for in the end is unknown.
type params struct {
	section string
	values  map[string]any
	asked   map[string]bool
	err     error // the first
}

func newParams(section string, values map[string]any) *params {
	return &params{section: section, values: values, asked: map[string]bool{}}
}

// get returns a value that is neither missing nor None.
func (p *params) get(name string) (any, bool) {
	p.asked[name] = true
	v := p.values[name]
	return v, v != nil
}

func (p *params) fail(name string, v any, want string) {
	if p.err == nil {
		p.err = fmt.Errorf("has %s %.60q in its %s where %s belongs; name a checkpoint that DALLE-pytorch wrote", name, fmt.Sprint(v), p.section, want)
	}
}

// unsupported is the error of an argument that we can't do.
func (p *params) unsupported(name string, v any, remedy string) {
	if p.err == nil {
		p.err = fmt.Errorf("has %s %.60q in its %s, which we don't have; %s", name, fmt.Sprint(v), p.section, remedy)
	}
}

func (p *params) int(name string, missing int) int {
	v, ok := p.get(name)
	if !ok {
		return missing
	}
	n, ok := v.(int64)
	if !ok || n < 0 || n > math.MaxInt32 {
		p.fail(name, v, "a number that counts")
	}
	return int(n)
}

// needed is an argument without a default.
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

// strings is a tuple of strings, nil if it's missing.
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

// ids is a tuple of numbers or of strings that name layers, for which numbers stand: equal ones for equal names. It is
// repeated until there are n.
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

// finish returns the first error, or one about an argument that was never asked for.
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
