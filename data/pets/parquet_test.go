package pets

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

// The tables in testdata are written by data/internal/parquet/writer.

// hosted is a table of n rows as Hugging Face writes it, of which row 7 is corrupt, in row groups of 16. There is one of 40 and one of 100.
func hosted(n int) string { return fmt.Sprintf("testdata/hosted-%d.parquet", n) }

func TestParquet(t *testing.T) {
	const n = 100
	path := hosted(n)
	if !IsParquet(path) {
		t.Error("the file is not recognised")
	}
	var want []string
	for i := range n {
		class, name := "cat", "Bengal"
		if i%3 == 0 {
			class, name = "dog", "american_bulldog"
		}
		if i != 7 {
			want = append(want, fmt.Sprintf("row %d: %s_%d %s %d", i, name, i, class, i))
		}
	}
	d := load(t, Parquet, path, data.Options{})
	if got := contents(d); !slices.Equal(got, want) {
		t.Errorf("pictures are %q, want %q", got, want)
	}
	if report := d.Report.String(); !strings.Contains(report, "remove: 1: row 7: Bengal_7 (not a JPEG") {
		t.Errorf("report lacks the corrupt row:\n%s", report)
	}
	breeds := load(t, Parquet, path, data.Options{Labels: data.Breed})
	if !slices.Equal(breeds.Classes, []string{"american_bulldog", "Bengal"}) || breeds.Label(0) != 0 || breeds.Label(1) != 1 {
		t.Errorf("breeds are %v, labels %v", breeds.Classes, breeds.Labels)
	}

	train, test := load(t, Parquet, path, data.Options{Split: data.Trainval}), load(t, Parquet, path, data.Options{Split: data.Test})
	both := append(contents(train), contents(test)...)
	slices.Sort(both)
	slices.Sort(want)
	if !slices.Equal(both, want) {
		t.Errorf("trainval and test together are %q, want %q", both, want)
	}
	if test.Len() < 8 || test.Len() > 35 {
		t.Errorf("test has %d of %d, want about a fifth", test.Len(), n)
	}
}

func TestParquetFailures(t *testing.T) {
	whole, err := os.ReadFile(hosted(40))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	truncated := filepath.Join(folder, "truncated.parquet")
	write(t, truncated, whole[:len(whole)/2])
	for path, want := range map[string]string{
		"testdata/other.parquet": "has no column path, only Text", "testdata/numbers.parquet": "column label holds 64-bit floating-point numbers",
		truncated:                        "damaged parquet file",
		filepath.Join(folder, "nowhere"): "cannot be read",
	} {
		_, err := Parquet(path, data.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}

	// Whatever byte of the file is wrong, reading ends, with an error or with pictures left out.
	for at := 4; at < len(whole); at += len(whole)/200 + 1 {
		bad := slices.Clone(whole)
		bad[at] ^= 0x55
		path := filepath.Join(folder, "bad.parquet")
		write(t, path, bad)
		if s, err := Parquet(path, data.Options{}); err == nil {
			data.Load(s, data.Options{Size: 4, Cache: data.NoCache})
		}
	}
}

// TestParquetForms reads tables of other forms that have one meaning, and leaves out rows without a class.
func TestParquetForms(t *testing.T) {
	const path = "testdata/flat.parquet"
	d := load(t, Parquet, path, data.Options{})
	report := d.Report.String()
	if got := contents(d); !slices.Equal(got, []string{"row 0: Bengal_1 cat 1", "row 1: pug_2 dog 2", "row 3: unnamed_3 dog 4", "row 5: Bengal_6 cat 6"}) ||
		!strings.Contains(report, "rows whose dog is null, left out: 1: row 2") || !strings.Contains(report, "row 4: Bengal_5 (the picture is null)") {
		t.Errorf("pictures are %q, report:\n%s", got, report)
	}
	d = load(t, Parquet, path, data.Options{Labels: data.Breed})
	report = d.Report.String()
	if got := contents(d); !slices.Equal(got, []string{"row 0: Bengal_1 Bengal 1", "row 1: pug_2 pug 2", "row 2: pug_3 pug 3"}) || !strings.Contains(report, "rows whose label is null, left out: 2: row 3, row 5") {
		t.Errorf("breeds are %q, report:\n%s", got, report)
	}
	if _, err := Parquet("testdata/wrong.parquet", data.Options{}); err == nil || !strings.Contains(err.Error(), "column dog holds the number 7") {
		t.Errorf("error is %v", err)
	}
}

// TestParquetShards reads a folder of files in the order of their numbers.
func TestParquetShards(t *testing.T) {
	for _, below := range []string{"", "data"} {
		root := t.TempDir()
		if err := os.CopyFS(filepath.Join(root, below), os.DirFS("testdata/shards")); err != nil {
			t.Fatal(err)
		}
		if !IsParquet(root) {
			t.Error("the folder is not recognised")
		}
		want := []string{
			"part-1.parquet row 0: Bengal_1 cat 1", "part-1.parquet row 1: Bengal_1 cat 1", "part-2.parquet row 0: Bengal_2 cat 2",
			"part-2.parquet row 1: Bengal_2 cat 2", "part-10.parquet row 0: Bengal_10 cat 10", "part-10.parquet row 1: Bengal_10 cat 10",
		}
		if got := contents(load(t, Parquet, root, data.Options{})); !slices.Equal(got, want) {
			t.Errorf("pictures are %q, want %q", got, want)
		}
	}
	if IsParquet(t.TempDir()) {
		t.Error("an empty folder is recognised")
	}
}

// TestParquetBombs opens tables that took all memory.
func TestParquetBombs(t *testing.T) {
	files, _ := filepath.Glob("../internal/parquet/testdata/*.parquet")
	if len(files) < 10 {
		t.Fatal(files)
	}
	for _, path := range files {
		if s, err := Parquet(path, data.Options{}); err == nil {
			_, err = data.Load(s, data.Options{Size: 4, Cache: data.NoCache})
			t.Logf("%s: %v", path, err)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("error is %v, want one that names %s", err, path)
		}
	}
}
