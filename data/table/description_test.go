package table_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
)

// TestSplit expects each row in one part, the same division for the same seed, and at least one row in each part.
func TestSplit(t *testing.T) {
	text := "a,b\n"
	for i := range 50 {
		text += fmt.Sprintf("%d.5,%d\n", i, i%3)
	}
	all := read(t, text)
	for _, share := range []float64{0, 0.001, 0.2, 0.999} {
		training, heldOut, err := all.Split(share, 7)
		if err != nil {
			t.Fatal(err)
		}
		_, again, _ := all.Split(share, 7)
		seen := slices.Concat(training.Columns[0].Numbers, heldOut.Columns[0].Numbers)
		slices.Sort(seen)
		if want := map[float64]int{0: 0, 0.001: 1, 0.2: 10, 0.999: 49}[share]; heldOut.Rows != want || !slices.Equal(seen, all.Columns[0].Numbers) {
			t.Errorf("share %v: %d rows are held out, want %d; all rows: %v", share, heldOut.Rows, want, seen)
		}
		if !slices.Equal(heldOut.Columns[0].Numbers, again.Columns[0].Numbers) {
			t.Errorf("share %v: another division the second time", share)
		}
		for i := range heldOut.Rows {
			if line := heldOut.Line(i); float64(line-2)+0.5 != heldOut.Columns[0].Numbers[i] {
				t.Errorf("the row of line %d holds %v", line, heldOut.Columns[0].Numbers[i])
			}
		}
	}
	for _, share := range []float64{-0.1, 1, math.NaN()} {
		if _, _, err := all.Split(share, 1); err == nil {
			t.Errorf("the share %v is accepted", share)
		}
	}
	if _, err := all.Choose([]int{50}); err == nil {
		t.Error("a row that isn't there is chosen")
	}
	if some := all.Some(7, 1); some.Rows != 7 || all.Some(100, 1) != all {
		t.Errorf("%d of 7 rows", some.Rows)
	}
}

// TestReadOwn reads the table of a training from another folder than it was given in, and after both have moved.
func TestReadOwn(t *testing.T) {
	dir := t.TempDir()
	write := func(path string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("a,b\n1.5,2.5\n3,4\n5,6\n7,8\n9,1.25\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "old", "t.csv"))
	all, err := table.Read(filepath.Join(dir, "old", "t.csv"), table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := table.NewEncoding(all, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := table.Description{Path: "t.csv", From: filepath.Join(dir, "old"), Share: 0.2, Encoding: *e}
	t.Chdir(t.TempDir())
	if training, heldOut, err := d.ReadOwn(); err != nil || training.Rows != 4 || heldOut.Rows != 1 {
		t.Errorf("from another folder: %v", err)
	}
	if err := os.Rename(filepath.Join(dir, "old"), filepath.Join(dir, "new")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.ReadOwn(); err == nil || !strings.Contains(err.Error(), "put the table back") {
		t.Errorf("a table that has moved: %v", err)
	}
	t.Chdir(filepath.Join(dir, "new"))
	if _, _, err := d.ReadOwn(); err != nil {
		t.Errorf("a table in the current folder: %v", err)
	}
}

// TestLargeNumbers expects numbers with a large mean to keep their digits, and angles of another circle to be moved to that of the
// training.
func TestLargeNumbers(t *testing.T) {
	text := "time,id,angle\n"
	for i := range 20 {
		text += fmt.Sprintf("%.3f,%d,%.2f\n", 1.7e9+0.25*float64(i*i), 9_000_000+i, 3*math.Sin(float64(i)))
	}
	all := read(t, text)
	e, err := table.NewEncoding(all, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := e.Rows(all)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range e.Decode(rows) {
		row, column := i/3, i%3
		want := all.Columns[column].Numbers[row]
		if math.Abs(v-want) > 1e-4 || column == 1 && v != want {
			t.Errorf("row %d, column %d is decoded to %v, want %v", row, column, v, want)
		}
	}
	if cell := e.Cell(0, 1700000012.25); cell != "1700000012.25" && !strings.HasPrefix(cell, "1.70000001225") {
		t.Errorf("the cell is %s", cell)
	}
	around := read(t, "time,id,angle\n1700000001.5,9000001,6.0\n1700000002.25,9000004,0.5\n")
	if rows, err = e.Rows(around); err != nil || math.Abs(float64(rows[2])-(6-2*math.Pi)) > 1e-6 || rows[5] != 0.5 {
		t.Errorf("angles become %v and %v: %v", rows[2], rows[5], err)
	}
}

// TestFromRows makes tables in memory.
func TestFromRows(t *testing.T) {
	got, err := table.FromRows("memory", []string{"a", ""}, []float64{1, 2.5, math.NaN(), 3, 2, 4}, map[string]table.Kind{"a": table.Continuous})
	if err != nil || got.Rows != 2 || got.Dropped != 1 || got.Columns[0].Kind != table.Continuous || got.Columns[1].Name != "column2" || got.Line(1) != 3 {
		t.Errorf("%v, %v", got, err)
	}
	for _, c := range []struct {
		names []string
		rows  []float64
	}{{nil, nil}, {[]string{"a"}, nil}, {[]string{"a", "b"}, []float64{1}}, {[]string{"a", "a"}, []float64{1, 2}}, {[]string{"a"}, []float64{math.Inf(1)}}} {
		if _, err := table.FromRows("memory", c.names, c.rows, nil); err == nil {
			t.Errorf("%v, %v is accepted", c.names, c.rows)
		}
	}
}
