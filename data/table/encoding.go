package table

import (
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
)

// Encoding turns the rows of a table into rows for a flow, and back. It is part of a trained density: a run folder keeps it.
type Encoding struct {
	// Columns are what the density is over, D of them. Categories can't be among them.
	Columns []Column `json:"columns"`
	// Centres and Spreads encode continuous columns: a number v becomes (v − centre)/spread, its difference from the mean in
	// standard deviations, computed in float64 so that large numbers keep their digits. Whole numbers become v − centre, a
	// whole number near the mean. They are 0 and 1 for shares and angles.
	Centres []float64 `json:"centres"`
	Spreads []float64 `json:"spreads"`
	// Condition are the columns that it is given. A category becomes a column of 0 and 1 for each text, a number becomes its
	// difference from Means in units of Deviations, and an angle becomes its cosine and sine.
	Condition  []Column  `json:"condition,omitempty"`
	Means      []float64 `json:"means,omitempty"`      // of Condition, 0 for categories and angles
	Deviations []float64 `json:"deviations,omitempty"` // likewise, 1
}

// NewEncoding makes the encoding of a density over target given condition, which are names of columns of t. No target means
// all other columns that are not text. No condition means none, or all other columns if there is a target. Columns of text
// are always conditions: without a condition and a target, they are the condition.
func NewEncoding(t *Table, target, condition []string) (*Encoding, error) {
	e := &Encoding{}
	if err := t.check(); err != nil {
		return nil, err
	}
	for i, name := range slices.Concat(target, condition) {
		if _, err := t.Column(name); err != nil {
			field := "Target"
			if i >= len(target) {
				field = "Condition"
			}
			return nil, fault.Field(field, fmt.Sprintf("%.80q", name), "must be a column of %s: %s", t.Path, t.names())
		}
	}
	for _, c := range t.Columns {
		wanted, given := slices.Contains(target, c.Name), slices.Contains(condition, c.Name)
		switch {
		case wanted && given:
			return nil, fault.Field("Condition", c.Name, "is a target as well; name a column once")
		case wanted && c.Kind == Category:
			return nil, fault.Field("Target", c.Name, "holds text, which has no density; give columns of numbers")
		case wanted:
			e.Columns = append(e.Columns, c)
		case given, len(condition) == 0 && (len(target) > 0 || c.Kind == Category):
			e.Condition = append(e.Condition, c)
		case len(target) == 0 && c.Kind != Category:
			e.Columns = append(e.Columns, c)
		}
	}
	if t.Rows == 0 {
		return nil, fault.Damaged(t.Path, "has no rows; give a table with rows")
	}
	if len(e.Columns) == 0 {
		return nil, fault.Field("Target", nil, "must name columns of numbers; %s has none left beside the condition", t.Path)
	}
	for _, c := range e.Columns {
		if t.Rows == 1 {
			return nil, fault.Damaged(t.Path, "has a single row, which has no density; add rows")
		}
		if c.Constant() {
			return nil, fault.Damaged(t.Path, "column %q holds %v in every row, which has no density; leave it out", c.Name, c.Numbers[0])
		}
		centre, spread := 0.0, 1.0
		switch c.Kind {
		case Continuous:
			centre, spread = moments(c.Numbers)
		case Integer:
			centre, _ = moments(c.Numbers)
			centre = math.Round(centre)
		}
		e.Centres, e.Spreads = append(e.Centres, centre), append(e.Spreads, spread)
	}
	for i := range e.Condition {
		mean, deviation := 0.0, 1.0
		if c := &e.Condition[i]; c.Kind != Category && c.Kind != Angle {
			mean, deviation = moments(c.Numbers)
		}
		e.Means, e.Deviations = append(e.Means, mean), append(e.Deviations, deviation)
	}
	for _, all := range [][]Column{e.Columns, e.Condition} {
		for i := range all {
			all[i].Numbers = nil // of the table, which is not part of the encoding
		}
	}
	return e, nil
}

// Validate returns a [*fault.FieldError] for an encoding that [NewEncoding] wouldn't make, such as one from an edited file.
func (e *Encoding) Validate() error {
	if len(e.Columns) == 0 || len(e.Centres) != len(e.Columns) || len(e.Spreads) != len(e.Columns) {
		return fault.Field("Encoding", len(e.Columns), "must have columns, each with a centre and a spread")
	}
	if len(e.Means) != len(e.Condition) || len(e.Deviations) != len(e.Condition) {
		return fault.Field("Encoding", len(e.Condition), "must have a mean and a deviation for each column of the condition")
	}
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	for i, c := range slices.Concat(e.Columns, e.Condition) {
		centre, spread := 0.0, 0.0
		if i < len(e.Columns) {
			centre, spread = e.Centres[i], e.Spreads[i]
		} else {
			centre, spread = e.Means[i-len(e.Columns)], e.Deviations[i-len(e.Columns)]
		}
		switch {
		case !finite(centre) || !finite(spread) || spread <= 0 || !finite(c.Low) || !finite(c.High):
			return fault.Field("Encoding", c.Name, "must have finite numbers, and a spread above 0")
		case !slices.Contains(kinds, c.Kind), c.Kind == Category && i < len(e.Columns):
			return fault.Field("Encoding", c.Name, "must be of one of the kinds %q, and no target a %s", kinds, Category)
		case c.Kind == Angle && !(c.Low < c.High), c.Kind == Category && len(c.Categories) == 0:
			return fault.Field("Encoding", c.Name, "must have a circle, or categories")
		}
	}
	return nil
}

// check returns an error for a table without rows, or one that wasn't read or made by this package.
func (t *Table) check() error {
	if t == nil || t.Rows < 0 {
		return fault.Field("Table", nil, "must not be nil; read one")
	}
	for _, c := range t.Columns {
		if len(c.Numbers) != t.Rows || len(t.lines) != t.Rows {
			return fault.Field("Table", c.Name, "must have a number for each row; read it, or make it with FromRows")
		}
	}
	return nil
}

// moments returns the mean and the standard deviation; the latter is 1 for a constant column.
func moments(numbers []float64) (mean, deviation float64) {
	for _, v := range numbers {
		mean += v / float64(len(numbers))
	}
	for _, v := range numbers {
		deviation += (v - mean) * (v - mean) / float64(len(numbers))
	}
	if deviation = math.Sqrt(deviation); deviation == 0 {
		deviation = 1
	}
	return mean, deviation
}
