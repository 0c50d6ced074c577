package table

import (
	"math"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// Choose returns a table of the given rows, which may repeat. It keeps the kinds, ranges and categories of the columns. An index
// out of range is a [*fault.FieldError].
func (t *Table) Choose(rows []int) (*Table, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	for _, i := range rows {
		if i < 0 || i >= t.Rows {
			return nil, fault.Field("Rows", i, "must be 0 to %d, an index of a row", t.Rows-1)
		}
	}
	out := &Table{Path: t.Path, Rows: len(rows), lines: make([]int, len(rows))}
	for k, i := range rows {
		out.lines[k] = t.lines[i]
	}
	for _, c := range t.Columns {
		numbers := make([]float64, len(rows))
		for k, i := range rows {
			numbers[k] = c.Numbers[i]
		}
		c.Numbers = numbers
		out.Columns = append(out.Columns, c)
	}
	return out, nil
}

// Split divides the rows at random into those to train on and a share of held-out ones, at least one of each where there are two
// rows. The same seed and number of rows give the same division.
func (t *Table) Split(share float64, seed uint64) (training, heldOut *Table, err error) {
	if err := t.check(); err != nil {
		return nil, nil, err
	}
	if !(share >= 0 && share < 1) {
		return nil, nil, fault.Field("Share", share, "must be 0 to less than 1")
	}
	list := make([]int, t.Rows)
	data.NewOrder(nil, true, false).Fill(list, seed, 0)
	n := int(math.Round(share * float64(t.Rows)))
	if share > 0 {
		n = min(max(n, 1), t.Rows-1)
	}
	if heldOut, err = t.Choose(list[:max(n, 0)]); err != nil {
		return nil, nil, err
	}
	training, err = t.Choose(list[max(n, 0):])
	return training, heldOut, err
}

// Some returns at most n rows, chosen at random by the seed; t itself if it has no more.
func (t *Table) Some(n int, seed uint64) *Table {
	if t == nil || t.Rows <= n {
		return t
	}
	list := make([]int, t.Rows)
	data.NewOrder(nil, true, false).Fill(list, seed, 0)
	some, _ := t.Choose(list[:max(n, 0)])
	return some
}
