package table

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// Width is the number C of columns of the encoded condition.
func (e *Encoding) Width() (n int) {
	for _, c := range e.Condition {
		n += c.width()
	}
	return n
}

// width is the number of columns of a condition's column.
func (c *Column) width() int {
	switch c.Kind {
	case Category:
		return len(c.Categories)
	case Angle:
		return 2
	}
	return 1
}

// Circular reports whether all columns are angles: then rows are encoded as angles from −π to π.
func (e *Encoding) Circular() bool {
	return !slices.ContainsFunc(e.Columns, func(c Column) bool { return c.Kind != Angle })
}

// Scale returns the factor from a column's numbers to encoded ones. The log-density of a row is that of the encoded row plus
// the sum of the logarithms of the factors.
func (e *Encoding) Scale(column int) float64 {
	if c := e.Columns[column]; e.Circular() {
		return 2 * math.Pi / (c.High - c.Low)
	}
	if column < len(e.Spreads) && e.Spreads[column] > 0 {
		return 1 / e.Spreads[column]
	}
	return 1
}

// Offset is what is subtracted from a column's numbers before they are scaled.
func (e *Encoding) Offset(column int) float64 {
	if c := e.Columns[column]; e.Circular() {
		return (c.Low + c.High) / 2
	}
	if column < len(e.Centres) {
		return e.Centres[column]
	}
	return 0
}

// Rows encodes the columns of a table, [Rows, D]. Integers stay whole: a training adds uniform numbers from [0, 1) to them.
func (e *Encoding) Rows(t *Table) ([]float32, error) {
	if err := e.checkSize(t); err != nil {
		return nil, err
	}
	rows := make([]float32, t.Rows*len(e.Columns))
	for j, known := range e.Columns {
		c, err := e.column(t, known)
		if err != nil {
			return nil, err
		}
		scale, offset := e.Scale(j), e.Offset(j)
		for i, v := range c.Numbers {
			if known.Kind == Angle {
				v = known.wrap(v)
			}
			rows[i*len(e.Columns)+j] = float32((v - offset) * scale)
		}
	}
	return rows, nil
}

// checkSize returns an error for a table that is nil or whose encoding would be too large: a category takes a column for each text.
func (e *Encoding) checkSize(t *Table) error {
	if err := t.check(); err != nil {
		return err
	}
	if err := e.Validate(); err != nil {
		return err
	}
	if width := len(e.Columns) + e.Width(); width > 0 && t.Rows > MaxCells/width {
		return fault.Damaged(t.Path, "has %d rows that are encoded as %d numbers each, more than %d in all; leave out the categories with the most texts, or rows",
			t.Rows, width, MaxCells)
	}
	return nil
}

// wrap moves an angle to the circle of the column: another table may count from 0 to 2π what this one counts from −π to π.
func (c *Column) wrap(v float64) float64 {
	if v >= c.Low && v <= c.High {
		return v
	}
	whole := c.High - c.Low
	return v - whole*math.Floor((v-c.Low)/whole)
}

// column returns the table's column of that name and kind.
func (e *Encoding) column(t *Table, known Column) (*Column, error) {
	c, err := t.Column(known.Name)
	switch {
	case err != nil:
		return nil, fault.Damaged(t.Path, "has no column %q, which the density was trained on; it has %s", known.Name, t.names())
	case (c.Kind == Category) != (known.Kind == Category):
		return nil, fault.Damaged(t.Path, "column %q is %s, but was %s where the density was trained; correct the column", c.Name, c.Kind, known.Kind)
	}
	return c, nil
}

// Conditions encodes the condition of each row of a table, [Rows, C].
func (e *Encoding) Conditions(t *Table) ([]float32, error) {
	if err := e.checkSize(t); err != nil {
		return nil, err
	}
	width := e.Width()
	rows := make([]float32, t.Rows*width)
	at := 0
	for k, known := range e.Condition {
		c, err := e.column(t, known)
		if err != nil {
			return nil, err
		}
		for i, v := range c.Numbers {
			place := rows[i*width+at : i*width+at+known.width()]
			if known.Kind == Category {
				text := c.Categories[int(v)]
				code := slices.Index(known.Categories, text)
				if code < 0 {
					return nil, fault.Damaged(t.Path, "line %d, column %q: %.40q is none of the categories that the density was trained on: %s; correct the cell or remove the row",
						t.Line(i), c.Name, text, short(known.Categories))
				}
				place[code] = 1
				continue
			}
			e.number(k, v, place)
		}
		at += known.width()
	}
	return rows, nil
}

// number encodes a number of condition k.
func (e *Encoding) number(k int, v float64, place []float32) {
	if c := e.Condition[k]; c.Kind == Angle {
		sin, cos := math.Sincos(2 * math.Pi * (v - c.Low) / (c.High - c.Low))
		place[0], place[1] = float32(cos), float32(sin)
		return
	}
	place[0] = float32((v - e.Means[k]) / e.Deviations[k])
}

// Given encodes one condition, [C]: the cells by the names of their columns, numbers as text.
func (e *Encoding) Given(cells map[string]string) ([]float32, error) {
	for name := range cells {
		if !slices.ContainsFunc(e.Condition, func(c Column) bool { return c.Name == name }) {
			return nil, fault.Field("Condition", fmt.Sprintf("%.80q", name), "is no condition of this density; it has %s", e.conditions())
		}
	}
	if err := e.Validate(); err != nil {
		return nil, err
	}
	row := make([]float32, e.Width())
	at := 0
	for k, c := range e.Condition {
		place := row[at : at+c.width()]
		at += c.width()
		cell, there := cells[c.Name]
		if !there {
			return nil, fault.Field("Condition", c.Name, "is missing; the density is given %s", e.conditions())
		}
		if c.Kind == Category {
			code := slices.Index(c.Categories, cell)
			if code < 0 {
				return nil, fault.Field("Condition", fmt.Sprintf("%s=%.80q", c.Name, cell), "must be one of %s", short(c.Categories))
			}
			place[code] = 1
			continue
		}
		v, ok := number(cell)
		if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fault.Field("Condition", fmt.Sprintf("%s=%.80q", c.Name, cell), "must be a number")
		}
		e.number(k, v, place)
	}
	return row, nil
}

func (e *Encoding) conditions() string {
	if len(e.Condition) == 0 {
		return "none"
	}
	var names []string
	for _, c := range e.Condition {
		names = append(names, c.Name)
	}
	return short(names)
}

// short joins the first twenty names.
func short(names []string) string {
	if len(names) > 20 {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:20], ", "), len(names)-20)
	}
	return strings.Join(names, ", ")
}

// Decode returns the numbers of encoded rows [N, D], in the table's units: integers are whole, and numbers with bounds keep them.
func (e *Encoding) Decode(rows []float32) []float64 {
	out := make([]float64, len(rows))
	columns := len(e.Columns)
	if columns == 0 {
		return nil
	}
	scales, offsets := make([]float64, columns), make([]float64, columns)
	for j := range columns {
		scales[j], offsets[j] = e.Scale(j), e.Offset(j)
	}
	for i, v := range rows {
		j := i % columns
		x := float64(v)/scales[j] + offsets[j]
		switch e.Columns[j].Kind {
		case Integer:
			x = math.Floor(float64(v)) + offsets[j]
		case Unit:
			x = min(max(x, 0), 1)
		}
		out[i] = x
	}
	return out
}
