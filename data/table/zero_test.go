package table_test

import (
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/internal/zerotest"
)

// TestZeroValues calls everything with nil tables and zero values.
func TestZeroValues(t *testing.T) {
	for name, f := range map[string]any{"Read": table.Read, "NewEncoding": table.NewEncoding, "FromRows": table.FromRows, "Annotate": table.Annotate} {
		zerotest.Refuses(t, name, f, nil)
	}
	zerotest.Refuses(t, "NewEncoding of no rows", table.NewEncoding, map[int]any{0: &table.Table{}})
	zerotest.Refuses(t, "NewEncoding of a column without numbers", table.NewEncoding, map[int]any{0: &table.Table{Columns: []table.Column{{Name: "a"}}}})
	zerotest.Refuses(t, "Annotate without a writer", table.Annotate, map[int]any{0: write(t, "t.csv", "a\n1\n")})
	for _, v := range []any{&table.Table{}, (*table.Table)(nil), &table.Encoding{}, &table.Description{}, &table.Column{}} {
		zerotest.Methods(t, v)
	}
	e := &table.Encoding{Columns: []table.Column{{Name: "a"}}, Condition: []table.Column{{Name: "b", Kind: table.Continuous}}}
	for name, f := range map[string]any{"Rows": e.Rows, "Conditions": e.Conditions, "Given": e.Given} {
		zerotest.Refuses(t, name, f, nil)
	}
	zerotest.Refuses(t, "Given without moments", e.Given, map[int]any{0: map[string]string{"b": "1"}})
	(&table.Encoding{}).Decode([]float32{1})
	(&table.Column{}).Constant()
	_ = (&table.Table{}).String()
}
