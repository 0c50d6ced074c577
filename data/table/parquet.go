package table

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data/internal/parquet"
)

// readParquet reads the columns of a Parquet file that hold numbers, truth values or text; only those in only, unless it is empty.
func readParquet(path string, only []string) (*raw, error) {
	f, err := parquet.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Rows > MaxCells/max(1, len(f.Columns)) {
		return nil, fmt.Errorf("has %d rows of %d columns, more than %d cells; choose fewer columns", f.Rows, len(f.Columns), MaxCells)
	}
	r := &raw{}
	for i := range f.Columns {
		c := &f.Columns[i]
		if len(only) > 0 && !slices.Contains(only, c.Path) {
			continue
		}
		cells, err := readColumn(f, c)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Path, err)
		}
		r.names, r.cells = append(r.names, c.Path), append(r.cells, cells)
	}
	for i := range f.Rows {
		r.lines = append(r.lines, i+1)
	}
	if r.names, err = uniqueNames(r.names, len(r.names)); err != nil {
		return nil, err
	}
	if len(r.names) == 0 && len(only) > 0 {
		return nil, fmt.Errorf("has none of the columns %s, but %s", strings.Join(only, ", "), f.Names())
	}
	return r, nil
}

func readColumn(f *parquet.File, c *parquet.Column) (cells column, err error) {
	if c.Repeated || c.Kind == parquet.Int96 || c.Kind == parquet.FixedBytes {
		return cells, fmt.Errorf("holds %v, which are no numbers; leave the column out", c.Kind)
	}
	text := c.Kind == parquet.Bytes
	err = f.Read(c, func(_ int, v parquet.Value) bool {
		switch {
		case text && v.Null:
			cells.text = append(cells.text, "")
		case text:
			cells.text = append(cells.text, clean(string(v.Bytes)))
		case v.Null:
			cells.numbers = append(cells.numbers, missing)
		case c.Kind == parquet.Float || c.Kind == parquet.Double:
			cells.numbers = append(cells.numbers, v.Float)
		default:
			cells.numbers = append(cells.numbers, float64(v.Int))
		}
		return true
	})
	if text && cells.text == nil {
		cells.text = []string{}
	}
	return cells, err
}
