package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// maxFile is the size of a file, in bytes.
const maxFile = 8 << 30

// absent are the cells that stand for a missing one.
var absent = []string{"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "."}

// number parses a cell. A missing one is NaN.
func number(cell string) (v float64, ok bool) {
	cell = strings.TrimSpace(cell)
	if slices.Contains(absent, strings.ToLower(cell)) {
		return missing, true
	}
	v, err := strconv.ParseFloat(cell, 64)
	return v, err == nil || errors.Is(err, strconv.ErrRange)
}

// readText reads text with a separator between cells. The first line holds names unless it holds a number.
func readText(path string, only []string) (*raw, error) {
	text, err := regular.ReadFile(path, maxFile)
	if err != nil {
		return nil, err
	}
	if text, err = data.DecodeText(text); err != nil {
		return nil, err
	}
	next := splitter(text)
	header, line, err := next()
	if err == io.EOF {
		return &raw{}, nil
	}
	if err != nil {
		return nil, err
	}
	width := len(header)
	first := header
	if isHeader(header) {
		first = nil
	} else {
		header = nil
	}
	r := &raw{}
	if r.names, err = uniqueNames(header, width); err != nil {
		return nil, err
	}
	for j, name := range header {
		if len(only) == 0 && strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("line %d: column %d has no name; name it, or remove it if it only numbers the rows (pandas: to_csv(…, index=False))", line, j+1)
		}
	}
	b := builder{names: r.names, columns: make([]columnBuilder, width), skip: make([]bool, width)}
	for j, name := range r.names {
		b.skip[j] = len(only) > 0 && !slices.Contains(only, name)
	}
	for cells := first; ; {
		if cells != nil {
			if len(cells) != width {
				return nil, fmt.Errorf("line %d has %d cells instead of %d; correct the line", line, len(cells), width)
			}
			if err := b.add(cells); err != nil {
				return nil, fmt.Errorf("line %d%w", line, err)
			}
			r.lines = append(r.lines, line)
			if len(r.lines)*width > MaxCells {
				return nil, fmt.Errorf("has more than %d cells; split the table, or choose fewer columns", MaxCells)
			}
		}
		if cells, line, err = next(); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
	}
	for _, c := range b.columns {
		r.cells = append(r.cells, column{numbers: c.numbers, text: c.text})
	}
	return r, nil
}

// isHeader reports whether the cells of the first line are names: none is a number.
func isHeader(cells []string) bool {
	return !slices.ContainsFunc(cells, func(cell string) bool { v, ok := number(cell); return ok && !math.IsNaN(v) })
}

// splitter returns a function that returns the cells of the next line that isn't empty, and its number. The separator is the
// one of tab, semicolon and comma that the first line has; blanks if there is none.
func splitter(text []byte) func() (cells []string, line int, err error) {
	first, _, _ := bytes.Cut(bytes.TrimLeft(text, "\n"), []byte("\n"))
	for _, separator := range "\t;," {
		if bytes.ContainsRune(first, separator) {
			r := csv.NewReader(bytes.NewReader(text))
			r.Comma, r.FieldsPerRecord, r.ReuseRecord, r.TrimLeadingSpace = separator, -1, false, separator != '\t'
			return func() ([]string, int, error) {
				cells, err := r.Read()
				if err != nil {
					return nil, 0, err
				}
				line, _ := r.FieldPos(0)
				return cells, line, nil
			}
		}
	}
	line := 0
	return func() ([]string, int, error) {
		for len(text) > 0 {
			var one []byte
			one, text, _ = bytes.Cut(text, []byte("\n"))
			line++
			if cells := strings.Fields(string(one)); len(cells) > 0 {
				return cells, line, nil
			}
		}
		return nil, 0, io.EOF
	}
}

// builder collects the cells of columns. A column holds numbers until a cell is none; then it holds text, if so far it had no
// numbers, and otherwise the cell is a mistake.
type builder struct {
	names   []string
	columns []columnBuilder
	skip    []bool
}

type columnBuilder struct {
	numbers []float64
	text    []string // of all rows, once the column is text
	counted int      // cells that are numbers, not missing
}

// mistakes is the share of numbers from which on a text among them is a mistake rather than a category.
const mistakes = 2

func (b *builder) add(cells []string) error {
	for j, cell := range cells {
		c := &b.columns[j]
		if b.skip[j] {
			c.numbers = append(c.numbers, 0)
			continue
		}
		v, ok := number(cell)
		switch {
		case c.text != nil:
			c.text = append(c.text, clean(cell))
		case ok:
			c.numbers = append(c.numbers, v)
			if !math.IsNaN(v) {
				c.counted++
			}
		case c.counted >= mistakes:
			return &cellError{j, b.names[j], cell}
		default: // text; the cells so far were missing, or a few numbers
			c.text = make([]string, 0, len(c.numbers)+1)
			for _, v := range c.numbers {
				if math.IsNaN(v) {
					c.text = append(c.text, "")
				} else {
					c.text = append(c.text, strconv.FormatFloat(v, 'g', -1, 64))
				}
			}
			c.text, c.numbers = append(c.text, clean(cell)), nil
		}
	}
	return nil
}

// cellError is text in a column of numbers.
type cellError struct {
	column     int
	name, cell string
}

func (e *cellError) Error() string {
	return fmt.Sprintf(", column %d (%q): %.40q is no number, as the cells before it are; correct the cell, or leave the column out", e.column+1, e.name, e.cell)
}

// clean is a cell of text; "" if it stands for a missing one.
func clean(cell string) string {
	cell = strings.TrimSpace(cell)
	if slices.Contains(absent, strings.ToLower(cell)) {
		return ""
	}
	return cell
}
