package table

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// raw is a table as it is in a file: names of the columns, and cells row by row. A column holds numbers, or text.
type raw struct {
	names []string
	lines []int
	cells []column
}

// column is the cells of a column.
type column struct {
	numbers []float64 // NaN for a missing cell; nil for text
	text    []string
}

// Read reads a table. The format follows from the name of the file: .parquet, .npy, and text otherwise. The errors name file,
// line and column: a [*fault.FieldError] for options, a [*fault.DamagedFile] for a file that can't be understood.
func Read(path string, o Options) (t *Table, err error) {
	r, err := readRaw(path, o.Columns)
	if err != nil {
		return nil, explained(path, err)
	}
	return r.table(path, o)
}

// readRaw reads the cells of a file; only those of the columns in only, unless it is empty.
func readRaw(path string, only []string) (*raw, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npy":
		return readNPY(path)
	case ".parquet", ".pq":
		return readParquet(path, only)
	}
	return readText(path, only)
}

// isText reports whether a file is read as text.
func isText(path string) bool {
	return !slices.Contains([]string{".npy", ".parquet", ".pq"}, strings.ToLower(filepath.Ext(path)))
}

// explained adds the path to an error that doesn't have it.
func explained(path string, err error) error {
	var damaged *fault.DamagedFile
	var field *fault.FieldError
	switch {
	case errors.As(err, &damaged), errors.As(err, &field):
		return err
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		if strings.Contains(err.Error(), path) {
			return err
		}
		return fmt.Errorf("%s: %w; give the path of a table", path, err)
	}
	return fault.Damaged(path, "%v", err)
}

// table chooses columns, leaves out rows with missing cells, and finds out the kinds.
func (r *raw) table(path string, o Options) (*Table, error) {
	t := &Table{Path: path}
	if len(r.cells) == 0 || len(r.lines) == 0 {
		return nil, fault.Damaged(path, "has no rows; give a table with a row of names and rows of cells")
	}
	chosen, err := r.choose(path, o.Columns)
	if err != nil {
		return nil, err
	}
	whole := make([]bool, len(r.lines))
	for i := range whole {
		whole[i] = true
	}
	for _, j := range chosen {
		c := Column{Name: r.names[j]}
		for i := range r.lines {
			if r.cells[j].isMissing(i) {
				c.Missing++
				whole[i] = false
			}
		}
		t.Columns = append(t.Columns, c)
	}
	for i, line := range r.lines {
		if whole[i] {
			t.lines = append(t.lines, line)
		} else {
			t.Dropped++
		}
	}
	if t.Rows = len(t.lines); t.Rows == 0 {
		return nil, fault.Damaged(path, "has a missing cell in each of its %d rows; fill them, or choose other columns", t.Dropped)
	}
	for k, j := range chosen {
		if err := t.fill(&t.Columns[k], r.cells[j], whole, o.Kinds[r.names[j]]); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (c column) isMissing(i int) bool {
	if c.text != nil {
		return c.text[i] == ""
	}
	return math.IsNaN(c.numbers[i])
}

// choose returns the indices of the named columns, or all.
func (r *raw) choose(path string, names []string) (chosen []int, err error) {
	if len(names) == 0 {
		if len(r.names) > MaxColumns {
			return nil, fault.Damaged(path, "has %d columns, and at most %d can be modelled together; choose some", len(r.names), MaxColumns)
		}
		for j := range r.names {
			chosen = append(chosen, j)
		}
		return chosen, nil
	}
	for _, name := range names {
		j := slices.Index(r.names, name)
		if j < 0 {
			t := Table{Path: path}
			for _, known := range r.names {
				t.Columns = append(t.Columns, Column{Name: known})
			}
			_, err := t.Column(name)
			return nil, err
		}
		chosen = append(chosen, j)
	}
	return chosen, nil
}

// uniqueNames returns names for columns, numbered where there are none. Two columns of one name are an error.
func uniqueNames(header []string, count int) ([]string, error) {
	names := make([]string, count)
	seen := map[string]int{}
	for j := range names {
		if j < len(header) {
			names[j] = strings.TrimSpace(header[j])
		}
		if names[j] == "" {
			names[j] = fmt.Sprintf("column%d", j+1)
		}
		if first, taken := seen[names[j]]; taken {
			return nil, fmt.Errorf("columns %d and %d are both named %.80q; give each a name of its own", first+1, j+1, names[j])
		}
		seen[names[j]] = j
	}
	return names, nil
}
