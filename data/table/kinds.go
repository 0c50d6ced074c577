package table

import (
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
)

// kinds are all kinds.
var kinds = []Kind{Continuous, Unit, Angle, Integer, Category}

// fill sets the numbers of a column from the cells of whole rows, and its kind: the one that is wanted, or the one that the
// cells have.
func (t *Table) fill(c *Column, cells column, whole []bool, want Kind) error {
	if want != "" && !slices.Contains(kinds, want) {
		return fault.Field("Kinds", fmt.Sprintf("%.80q", want), "must be one of %q", kinds)
	}
	if cells.text != nil {
		if want != "" && want != Category {
			return t.notNumeric(c, cells, want)
		}
		return t.fillCategories(c, cells.text, whole)
	}
	if want == Category {
		text := make([]string, len(cells.numbers))
		for i, v := range cells.numbers {
			text[i] = fmt.Sprint(v)
		}
		return t.fillCategories(c, text, whole)
	}
	for i, v := range cells.numbers {
		if whole[i] {
			c.Numbers = append(c.Numbers, v)
		}
	}
	for i, v := range c.Numbers {
		if math.IsInf(v, 0) || math.Abs(v) > math.MaxFloat32 {
			return fault.Damaged(t.Path, "line %d, column %q: %v is no finite number; correct the cell or remove the row", t.lines[i], c.Name, v)
		}
	}
	c.Low, c.High = slices.Min(c.Numbers), slices.Max(c.Numbers)
	if c.Kind = want; want == "" {
		c.Kind = c.found()
	}
	return t.checkKind(c)
}

// notNumeric is the error for text where numbers are wanted: it names the first such cell.
func (t *Table) notNumeric(c *Column, cells column, want Kind) error {
	for i, cell := range cells.text {
		if _, ok := number(cell); !ok {
			return fault.Damaged(t.Path, "row %d, column %q: %.40q is no number, and the column's kind is to be %s; correct the cell, or choose the kind %s",
				i+1, c.Name, cell, want, Category)
		}
	}
	return nil
}

func (t *Table) fillCategories(c *Column, text []string, whole []bool) error {
	c.Kind = Category
	seen := map[string]int{}
	for i, cell := range text {
		if whole[i] {
			seen[cell] = 0
		}
	}
	if len(seen) > maxClasses {
		return fault.Damaged(t.Path, "column %q holds %d different texts, and a column of categories has at most %d; leave the column out", c.Name, len(seen), maxClasses)
	}
	for cell := range seen {
		c.Categories = append(c.Categories, cell)
	}
	slices.Sort(c.Categories)
	for i, cell := range c.Categories {
		seen[cell] = i
	}
	for i, cell := range text {
		if whole[i] {
			c.Numbers = append(c.Numbers, float64(seen[cell]))
		}
	}
	return nil
}

// circles are the ranges by which angles are recognised.
var circles = []struct{ low, high float64 }{{-math.Pi, math.Pi}, {0, 2 * math.Pi}, {-180, 180}, {0, 360}}

// angular are the names of columns that hold angles.
var angular = regexp.MustCompile(`(?i)(^|[^a-z])(angle|azimuth|bearing|heading|theta|phi|psi|longitude|lon|direction)s?([^a-z]|$)`)

// found is the kind that a column of numbers has.
func (c *Column) found() Kind {
	if angular.MatchString(c.Name) {
		if _, ok := c.circle(); ok {
			return Angle
		}
	}
	whole := !slices.ContainsFunc(c.Numbers, func(v float64) bool { return v != math.Trunc(v) })
	switch {
	case whole && c.High-c.Low < 1e6:
		return Integer
	case c.Low >= 0 && c.High <= 1 && c.High > 0.5: // shares, rather than small numbers of something else
		return Unit
	}
	return Continuous
}

// circle returns the smallest circle that holds the numbers.
func (c *Column) circle() (in struct{ low, high float64 }, ok bool) {
	const rounding = 1e-3
	for _, in := range circles {
		if c.Low >= in.low-rounding && c.High <= in.high+rounding {
			return in, true
		}
	}
	return in, false
}

// checkKind returns an error if numbers are out of the range of the column's kind.
func (t *Table) checkKind(c *Column) error {
	bad := func(v float64) bool { return false }
	must := ""
	switch c.Kind {
	case Unit:
		bad, must = func(v float64) bool { return v < 0 || v > 1 }, "from 0 to 1"
	case Integer:
		bad, must = func(v float64) bool { return v != math.Trunc(v) || math.Abs(v) > 1<<24 }, "a whole number up to 2²⁴"
	case Angle:
		in, ok := c.circle()
		if !ok {
			// The first number that no circle with all numbers before it holds.
			seen := Column{Low: math.Inf(1), High: math.Inf(-1)}
			bad, must = func(v float64) bool {
				seen.Low, seen.High = min(seen.Low, v), max(seen.High, v)
				_, ok := seen.circle()
				return !ok
			}, "an angle on one circle with those above it: within ±π, 0 to 2π, ±180 or 0 to 360"
			break
		}
		c.Low, c.High = in.low, in.high
	}
	for i, v := range c.Numbers {
		if bad(v) {
			return fault.Damaged(t.Path, "line %d, column %q: %v must be %s; correct the cell, or choose another kind", t.lines[i], c.Name, v, must)
		}
	}
	return nil
}
