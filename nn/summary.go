package nn

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Summary returns a table of the layers of m that have parameters, one a line: path, kind ([Param.Layer]), shapes of the
// trainable parameters and their number of values. The last line has the total. fmt.Println prints it for models and
// for [Sequential].
//
//	layer  kind                  weights       parameters
//	0      Linear(2 → 16, ReLU)  [2 16], [16]          48
//	2      Linear(16 → 1)        [16 1], [1]           17
//	total                                              65
func Summary(m Module) string {
	rows := summaryRows(m)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	width := len("parameters")
	fmt.Fprintln(w, "layer\tkind\tweights\tparameters")
	trained, fixed := 0, 0
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%*s\n", r.path, r.kind, strings.Join(r.shapes, ", "), width, thousands(r.trained))
		trained += r.trained
		fixed += r.fixed
	}
	fmt.Fprintf(w, "total\t\t\t%*s\n", width, thousands(trained))
	w.Flush()
	if fixed > 0 {
		fmt.Fprintf(&b, "and %s values in buffers, which are not trained\n", thousands(fixed))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// summaryRow is a layer of a Summary.
type summaryRow struct {
	path, kind     string
	shapes         []string
	trained, fixed int // numbers of values
}

// summaryRows groups the parameters of m by the layers that own them, in the order of Visit.
func summaryRows(m Module) []*summaryRow {
	var rows []*summaryRow
	known := map[string]*summaryRow{}
	m.Visit("", func(p Param) {
		path := p.Path
		if dot := strings.LastIndexByte(p.Path, '.'); dot >= 0 {
			path = p.Path[:dot]
		}
		r := known[path]
		if r == nil {
			r = &summaryRow{path: path}
			known[path], rows = r, append(rows, r)
		}
		if r.kind == "" && p.Layer != nil {
			r.kind = p.Layer.String()
		}
		if !p.Trainable {
			r.fixed += p.Tensor.Len()
			return
		}
		r.shapes = append(r.shapes, fmt.Sprint(p.Tensor.Shape()))
		r.trained += p.Tensor.Len()
	})
	return rows
}

// thousands writes n with commas: 1,234,567.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
