package table_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/google/go-cmp/cmp"
)

// TestNPY reads arrays that numpy.save wrote: all types, byte orders and memory orders. testdata/make_golden.py makes them.
func TestNPY(t *testing.T) {
	real, whole, absolute := []float64{1.5, -2, 3, 4, 5.25, 100, 0, 7, -8}, []float64{1, -2, 3, 4, 5, 100, 0, 7, -8}, []float64{1, 2, 3, 4, 5, 100, 0, 7, 8}
	truth := []float64{0, 0, 1, 1, 1, 1, 0, 1, 0}
	for name, want := range map[string][]float64{
		"f8": real, "f4_fortran": real, "f8_big": real, "version2": real, "i8": whole, "i4_big": whole, "i2": whole, "i1": whole,
		"u8": absolute, "u4": absolute, "u2": absolute, "u1": absolute, "bool": truth,
	} {
		got, err := table.Read(filepath.Join("testdata", name+".npy"), table.Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		var rows []float64
		for i := range got.Rows {
			for _, c := range got.Columns {
				rows = append(rows, c.Numbers[i])
			}
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got, err := table.Read("testdata/line.npy", table.Options{}); err != nil || got.Rows != 3 || len(got.Columns) != 1 {
		t.Errorf("one dimension: %v, %v", got, err)
	}
	for _, name := range []string{"complex", "records"} {
		if _, err := table.Read(filepath.Join("testdata", name+".npy"), table.Options{}); err == nil || !strings.Contains(err.Error(), "astype") {
			t.Errorf("%s: %v", name, err)
		}
	}
	content, err := os.ReadFile("testdata/f8.npy")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 5, 11, 60, len(content) - 1} {
		path := filepath.Join(t.TempDir(), "cut.npy")
		if err := os.WriteFile(path, content[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := table.Read(path, table.Options{}); err == nil || !strings.Contains(err.Error(), "cut.npy") {
			t.Errorf("%d bytes of an array: %v", n, err)
		}
	}
}
