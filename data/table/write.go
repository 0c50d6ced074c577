package table

import (
	"encoding/csv"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// NewWriter returns a writer of lines of cells. The separator is a tab if the name of the file ends in .tsv, and a comma
// otherwise.
func NewWriter(w io.Writer, path string) *csv.Writer {
	out := csv.NewWriter(w)
	if strings.EqualFold(filepath.Ext(path), ".tsv") {
		out.Comma = '\t'
	}
	return out
}

// Cell is the text of a number of an encoded column, with the digits that a flow's float32 has: seven behind the column's spread.
func (e *Encoding) Cell(column int, v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	digits := 8
	if column < len(e.Spreads) && e.Spreads[column] > 0 {
		digits += int(math.Ceil(max(0, math.Log10(math.Abs(v)/e.Spreads[column]))))
	}
	return strconv.FormatFloat(v, 'g', min(digits, 17), 64)
}

// Annotate copies the table at a path, all rows and columns, to w, and appends columns of these names. cells returns the
// further cells of the row from that line; nil leaves them empty, as for a row with a missing cell. Lines are those of
// [Table.Line]. A name that the table has already is a [*fault.FieldError].
func Annotate(path string, w *csv.Writer, names []string, cells func(line int) []string) error {
	if w == nil || cells == nil {
		return fault.Field("Writer", nil, "must be given, and cells")
	}
	header, next, err := records(path)
	if err != nil {
		return explained(path, err)
	}
	for _, name := range names {
		for _, there := range header {
			if name == there {
				return fault.Field("Path", path, "must have no column %q, which is to be appended; rename it", name)
			}
		}
	}
	if err := w.Write(append(header, names...)); err != nil {
		return err
	}
	for {
		row, line, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return explained(path, err)
		}
		more := cells(line)
		if more == nil {
			more = make([]string, len(names))
		}
		if err := w.Write(append(row[:len(row):len(row)], more...)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// records returns the names of the columns of a file, and a function that returns the cells of the next row and its line.
func records(path string) (header []string, next func() ([]string, int, error), err error) {
	if isText(path) {
		return textRecords(path)
	}
	r, err := readRaw(path, nil)
	if err != nil {
		return nil, nil, err
	}
	i := -1
	return r.names, func() (row []string, line int, err error) {
		if i++; i >= len(r.lines) {
			return nil, 0, io.EOF
		}
		for _, c := range r.cells {
			if c.text != nil {
				row = append(row, c.text[i])
			} else {
				row = append(row, Exact(c.numbers[i]))
			}
		}
		return row, r.lines[i], nil
	}, nil
}

// Exact is the text of a number with all of its digits; "" for NaN.
func Exact(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func textRecords(path string) (header []string, next func() ([]string, int, error), err error) {
	text, err := regular.ReadFile(path, maxFile)
	if err != nil {
		return nil, nil, err
	}
	if text, err = data.DecodeText(text); err != nil {
		return nil, nil, err
	}
	read := splitter(text)
	first, line, err := read()
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	first = append([]string(nil), first...) // the splitter reuses its memory
	if isHeader(first) {
		header, err = uniqueNames(first, len(first))
		return header, read, err
	}
	if header, err = uniqueNames(nil, len(first)); err != nil {
		return nil, nil, err
	}
	given := len(first) == 0
	return header, func() ([]string, int, error) {
		if !given {
			given = true
			return first, line, nil
		}
		return read()
	}, nil
}
