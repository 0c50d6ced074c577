package pages

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// number formats a figure for people.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "not a number"
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return count(int(v))
	case math.Abs(v) >= 1000:
		return count(int(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// count formats a whole number with thin spaces between thousands.
func count(n int) string {
	text := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, text = "−", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return sign + text
}

// phrase turns the name of a figure or a setting into words: "held_out.loss" into "held-out loss".
func phrase(name string) string {
	return strings.NewReplacer("held_out.", "held-out ", "map50", "mean average precision", "_", " ", ".", " · ").Replace(name)
}

// runURL is the address of the model card of a run.
func runURL(name string) string { return "/runs/" + url.PathEscape(name) }

// entry is a line of a table: a setting and its value.
type entry struct{ Name, Value string }

// flatten returns the settings in a value made of structs or maps, as their JSON names them, sorted.
func flatten(v any) (all []entry) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var tree any
	if json.Unmarshal(raw, &tree) != nil {
		return nil
	}
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case nil:
		case map[string]any:
			for key, item := range v {
				own := key
				if name != "" {
					own = name + "." + key
				}
				walk(own, item)
			}
		case float64:
			all = append(all, entry{name, strconv.FormatFloat(v, 'g', -1, 64)})
		case []any:
			items := make([]string, len(v))
			for i, item := range v {
				items[i] = fmt.Sprint(item)
			}
			all = append(all, entry{name, strings.Join(items, ", ")})
		case bool:
			all = append(all, entry{name, map[bool]string{true: "yes", false: "no"}[v]})
		default:
			all = append(all, entry{name, fmt.Sprint(v)})
		}
	}
	walk("", tree)
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// dict makes the argument of a template from names and values.
func dict(pairs ...any) map[string]any {
	all := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		all[pairs[i].(string)] = pairs[i+1]
	}
	return all
}
