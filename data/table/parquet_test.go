package table_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
)

// TestParquet reads files that pyarrow wrote, compressed or not: see make.py in that folder.
func TestParquet(t *testing.T) {
	dir := "../internal/parquet/testdata"
	for _, name := range []string{"none", "snappy", "gzip", "zstd", "delta", "version2_dictionary"} {
		path := filepath.Join(dir, name+".parquet")
		got, err := table.Read(path, table.Options{Columns: []string{"i32", "flag", "text", "u8"}})
		if err != nil {
			t.Error(err)
			continue
		}
		row := 0
		for i := range 40 {
			if i%7 == 3 || i%11 == 5 {
				continue
			}
			flag := 0.0
			if i%3 == 0 {
				flag = 1
			}
			cells := []float64{float64(i*i - 9), flag, float64(i % 5), float64(i)}
			for j, want := range cells { // texts are "row 0" to "row 4", so their indices are these digits
				if v := got.Columns[j].Numbers[row]; v != want {
					t.Fatalf("%s: row %d of column %q is %v, want %v", name, i+1, got.Columns[j].Name, v, want)
				}
			}
			if got.Line(row) != i+1 {
				t.Errorf("%s: row %d is called row %d", name, i+1, got.Line(row))
			}
			row++
		}
		if row != got.Rows || got.Rows+got.Dropped != 40 || got.Columns[1].Missing != 4 || got.Columns[2].Missing != 6 || got.Columns[2].Kind != table.Category {
			t.Errorf("%s: %v", name, got)
		}
		if _, err := table.Read(path, table.Options{}); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "leave the column out") {
			t.Errorf("%s: all columns: %v", name, err)
		}
		if _, err := table.Read(path, table.Options{Columns: []string{"u9"}}); err == nil || !strings.Contains(err.Error(), "u9") {
			t.Errorf("%s: a column that isn't there: %v", name, err)
		}
	}
}
