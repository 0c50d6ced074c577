package eval

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Table writes the figures of several generators side by side, a line for each figure, with the floor of real photos in the
// last column. Figures that none of them has are left out. The generators were measured against one Reference.
func Table(all ...*Quality) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "figure")
	for _, q := range all {
		fmt.Fprintf(w, "\t%s", q.title())
	}
	fmt.Fprintln(w, "\treal photos")
	if len(all) == 0 {
		return ""
	}
	columns := make([][]figure, len(all))
	for i, q := range all {
		columns[i] = q.figures()
	}
	for row := range columns[0] {
		name, cells, floor, any := columns[0][row].name, "", "–", false
		for _, column := range columns {
			c := *column[row].compared
			if c == nil {
				cells += "\t–"
				continue
			}
			any, cells = true, cells+"\t"+c.String()
			if name == "Fréchet distance" {
				name = column[row].name
			}
			if c.Floor != nil {
				floor = c.Floor.String()
			}
		}
		if any {
			fmt.Fprintf(w, "%s%s\t%s\n", name, cells, floor)
		}
	}
	w.Flush()
	return b.String()
}

func (q *Quality) title() string {
	if q.Run == "" {
		return q.Model
	}
	return fmt.Sprintf("%s (%s)", q.Run, q.Model)
}
