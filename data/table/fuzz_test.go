package table_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
)

// check reads a table and, if it can be read, uses it: whatever a file holds, there is an error or a whole table.
func check(t *testing.T, path string) {
	got, err := table.Read(path, table.Options{})
	if err != nil {
		return
	}
	for _, c := range got.Columns {
		if len(c.Numbers) != got.Rows {
			t.Fatalf("column %q has %d numbers for %d rows", c.Name, len(c.Numbers), got.Rows)
		}
	}
	_ = got.String()
	e, err := table.NewEncoding(got, nil, nil)
	if err != nil {
		return
	}
	rows, err := e.Rows(got)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Conditions(got); err != nil {
		t.Fatal(err)
	}
	e.Decode(rows)
	lines := 0
	err = table.Annotate(path, csv.NewWriter(io.Discard), []string{"\x00score"}, func(int) []string { lines++; return []string{"1"} })
	if err != nil || lines != got.Rows+got.Dropped {
		t.Fatalf("%d of %d rows are annotated: %v", lines, got.Rows+got.Dropped, err)
	}
}

// FuzzText reads any bytes as text.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n3,4.5\n", "1 2\n3 4\n", "kind\tx\ncat\t1\ndog\tNA\n", "a;b\n\"1;2\";3\n", "\ufeffa,b\r\n1,2\r\n", "\xff\xfea\x00,\x00b\x00\n\x00",
		"theta,share\n0.1,0.5\n3,0.9\n", "a,b\n1,\n,2\n", "a\n1e308\n-1e308\n", "a\n\n\n1\n", "\"\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) { fuzzed(t, "t.csv", content) })
}

// FuzzNPY reads any bytes as a NumPy array.
func FuzzNPY(f *testing.F) {
	all, err := filepath.Glob("testdata/*.npy")
	if err != nil || len(all) == 0 {
		f.Fatal("no seeds")
	}
	for _, path := range all {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
		f.Add(bytes.Replace(content, []byte("(3, 3)"), []byte("(-1, )"), 1))
	}
	f.Fuzz(func(t *testing.T, content []byte) { fuzzed(t, "t.npy", content) })
}

func fuzzed(t *testing.T, name string, content []byte) {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	check(t, path)
}
