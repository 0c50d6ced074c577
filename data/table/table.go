// Package table reads tables for density estimation: text with commas, semicolons, tabs or blanks between its cells, Parquet
// files, and NumPy arrays. It finds out what each column holds.
//
//	t, err := table.Read("wine.csv", table.Options{})
//	for _, c := range t.Columns {
//		fmt.Println(c.Name, c.Kind, c.Missing)
//	}
//
// Rows with a missing cell are left out; [Table.Dropped] and [Column.Missing] count them.
package table

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// Kind is what the cells of a column are.
type Kind string

// The kinds of columns.
const (
	Continuous Kind = "continuous"
	Unit       Kind = "unit"     // numbers from 0 to 1, edges included, such as shares
	Angle      Kind = "angle"    // numbers on a circle: Low and High are the same point
	Integer    Kind = "integer"  // whole numbers, which a density needs dequantized
	Category   Kind = "category" // text
)

// Table is a table in memory.
type Table struct {
	Path    string
	Columns []Column
	Rows    int // without those that are left out
	Dropped int // rows left out since a cell is missing

	lines []int // of the file, by row
}

// Column is a column of a table.
type Column struct {
	Name       string    `json:"name"`
	Kind       Kind      `json:"kind"`
	Low        float64   `json:"low"`                  // least number, or the start of the circle of angles
	High       float64   `json:"high"`                 // greatest number, or the end of the circle
	Categories []string  `json:"categories,omitempty"` // sorted
	Missing    int       `json:"-"`                    // cells, in all rows of the file
	Numbers    []float64 `json:"-"`                    // [Rows]; for categories, their indices
}

// Options say what of a table is read.
type Options struct {
	Columns []string        // names of the columns to read, in this order; empty for all
	Kinds   map[string]Kind // of columns whose kind shall not be found out
}

// Limits of tables.
const (
	MaxColumns = 4096
	MaxCells   = 1 << 28 // 2 GB of numbers
	maxClasses = 1000    // categories of a column
)

// Column returns the column of that name. The error is a [*fault.FieldError] that lists the names.
func (t *Table) Column(name string) (*Column, error) {
	if t == nil {
		return nil, fault.Field("Table", nil, "must not be nil; read one")
	}
	if i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name }); i >= 0 {
		return &t.Columns[i], nil
	}
	return nil, fault.Field("Columns", fmt.Sprintf("%.80q", name), "must be a column of %s: %s", t.Path, t.names())
}

// names lists the first names of columns.
func (t *Table) names() string {
	var names []string
	for _, c := range t.Columns {
		if len(names) == 20 {
			return fmt.Sprintf("%s and %d others", strings.Join(names, ", "), len(t.Columns)-20)
		}
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// Line is the line of the file that row i was read from, or its number in the file, counted from 1.
func (t *Table) Line(i int) int { return t.lines[i] }

// String describes the table: a line for each column.
func (t *Table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d rows", t.Path, t.Rows)
	if t.Dropped > 0 {
		fmt.Fprintf(&b, " (%d more are left out, since a cell is missing)", t.Dropped)
	}
	for _, c := range t.Columns {
		fmt.Fprintf(&b, "\n  %s: %s", c.Name, c.describe())
	}
	return b.String()
}

func (c *Column) describe() string {
	s := string(c.Kind)
	switch {
	case c.Kind == Category:
		s += fmt.Sprintf(", %d categories", len(c.Categories))
	case len(c.Numbers) > 0:
		s += fmt.Sprintf(", %.10g to %.10g", c.Low, c.High)
	}
	if _, circular := c.circle(); !circular && c.Kind != Category && angular.MatchString(c.Name) {
		s += " (by its name an angle, but its numbers are on no circle; the kind angle tells which one is not)"
	}
	if c.Missing > 0 {
		s += fmt.Sprintf(", %d missing", c.Missing)
	}
	return s
}

// Constant reports whether all numbers of the column are the same.
func (c *Column) Constant() bool {
	return !slices.ContainsFunc(c.Numbers, func(v float64) bool { return v != c.Numbers[0] })
}

// missing is the number of a missing cell.
var missing = math.NaN()
