package table

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
)

// FromRows makes a table of rows in memory, [N, D] for D names of columns. Without a kind, that of a column is found out. NaN is
// a missing cell. name stands for the table in errors.
func FromRows(name string, columns []string, rows []float64, kinds map[string]Kind) (*Table, error) {
	width := len(columns)
	if width == 0 || len(rows)%width != 0 || len(rows) > MaxCells {
		return nil, fault.Field("Rows", len(rows), "must be at most %d numbers, a multiple of the %d columns", MaxCells, width)
	}
	names, err := uniqueNames(columns, width)
	if err != nil {
		return nil, fault.Field("Columns", fmt.Sprintf("%.80q", columns), "%v", err)
	}
	r := &raw{names: names, cells: make([]column, width)}
	for j := range width {
		numbers := make([]float64, 0, len(rows)/width)
		for i := j; i < len(rows); i += width {
			numbers = append(numbers, rows[i])
		}
		r.cells[j].numbers = numbers
	}
	for i := range len(rows) / width {
		r.lines = append(r.lines, i+1)
	}
	return r.table(name, Options{Kinds: kinds})
}
