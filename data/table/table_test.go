package table_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, text string) *table.Table {
	t.Helper()
	got, err := table.Read(write(t, "t.csv", text), table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestKinds checks what is found out about columns, and that rows with missing cells are left out and counted.
func TestKinds(t *testing.T) {
	got := read(t, "\ufeffname,share,angle,count,size\r\n"+
		"cat,0.25,-3.1,7,1.5\r\n"+"dog,1.0,2,NA,2.5\r\n"+"cat,0,3.1,9,-1e3\r\n\r\n"+"\"a, b\",0.7,1,1,0.5\r\n")
	var kinds []string
	for _, c := range got.Columns {
		kinds = append(kinds, fmt.Sprint(c.Name, " ", c.Kind, " ", c.Missing))
	}
	want := []string{"name category 0", "share unit 0", "angle angle 0", "count integer 1", "size continuous 0"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	if got.Rows != 3 || got.Dropped != 1 || got.Line(1) != 4 {
		t.Errorf("%d rows, %d left out, row 1 from line %d", got.Rows, got.Dropped, got.Line(1))
	}
	if diff := cmp.Diff([]string{"a, b", "cat"}, got.Columns[0].Categories); diff != "" {
		t.Error(diff)
	}
	if a := got.Columns[2]; a.Low != -math.Pi || a.High != math.Pi {
		t.Errorf("angles lie on the circle from %v to %v", a.Low, a.High)
	}
	if diff := cmp.Diff([]float64{1, 1, 0}, got.Columns[0].Numbers); diff != "" {
		t.Error(diff)
	}
}

// TestSeparators reads the same numbers in each form of text.
func TestSeparators(t *testing.T) {
	for _, text := range []string{"a,b\n1.5,2\n3,4.5\n", "a\tb\n1.5\t2\n3\t4.5\n", "a;b\n1.5;2\n3;4.5\n", "a b\n 1.5   2\n3 4.5", "a,b\r1.5,2\r3,4.5"} {
		got := read(t, text)
		if len(got.Columns) != 2 || got.Columns[0].Name != "a" || got.Rows != 2 || got.Columns[1].Numbers[1] != 4.5 {
			t.Errorf("%q is %v", text, got)
		}
	}
	if got := read(t, "1.5 2\n3 4.5\n"); got.Rows != 2 || got.Columns[1].Name != "column2" {
		t.Errorf("without names: %v", got)
	}
}

// TestRefuses checks that each mistake gets one sentence that names the place.
func TestRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a,b\n1,2\n3,4\n5,6\nfive,7\n", `line 5, column 1 ("a"): "five" is no number`},
		{"a,b\n1,2\n3\n", "line 3 has 1 cells instead of 2"},
		{",b\n0,2\n", "line 1: column 1 has no name"},
		{"a,a\n1,2\n", `columns 1 and 2 are both named "a"`},
		{"a,b\n1,inf\n", `line 2, column "b": +Inf is no finite number`},
		{"a,b\n1,1e39\n", `line 2, column "b"`},
		{"a,b\n", "has no rows"},
		{"", "has no rows"},
		{"a,b\n1,\n,2\n", "has a missing cell in each of its 2 rows"},
		{"a,b\n\"1,2\n", "quote"},
	} {
		_, err := table.Read(write(t, "t.csv", c.text), table.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: the error is %v, want %q", c.text, err, c.want)
		}
	}
	path := write(t, "t.csv", "a,b,angle\n1.5,2,720\n3,4,1\n")
	for want, o := range map[string]table.Options{
		`"c"`:                  {Columns: []string{"c"}},
		`column "a": 1.5 must`: {Kinds: map[string]table.Kind{"a": table.Unit}},
		"720 must be an angle": {Kinds: map[string]table.Kind{"angle": table.Angle}},
		"a whole number":       {Kinds: map[string]table.Kind{"a": table.Integer}},
		"must be one of":       {Kinds: map[string]table.Kind{"a": "odd"}},
	} {
		if _, err := table.Read(path, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: the error is %v", o, err)
		}
	}
	both := write(t, "both.csv", "angle\n-100\n10\n300\n")
	if _, err := table.Read(both, table.Options{Kinds: map[string]table.Kind{"angle": table.Angle}}); err == nil || !strings.Contains(err.Error(), "line 4, column \"angle\": 300") {
		t.Errorf("angles of two circles: %v", err)
	}
	if read, err := table.Read(both, table.Options{}); err != nil || !strings.Contains(read.String(), "by its name an angle") {
		t.Errorf("angles of two circles as numbers: %v, %v", read, err)
	}
	if _, err := table.Read(write(t, "t.npy", "a,b\n1,2\n"), table.Options{}); err == nil || !strings.Contains(err.Error(), "NumPy") {
		t.Errorf("text named .npy: %v", err)
	}
	wide := strings.Repeat("1,", table.MaxColumns) + "1\n"
	if _, err := table.Read(write(t, "wide.csv", wide), table.Options{}); err == nil || !strings.Contains(err.Error(), "4097 columns") {
		t.Errorf("a wide table: %v", err)
	}
}

// TestEncoding checks which columns become targets and conditions, and that rows are decoded to what they were.
func TestEncoding(t *testing.T) {
	got := read(t, "kind,x,y,n\ncat,0.5,2.5,3\ndog,-1,3.5,4\ncat,2,4.25,9\n")
	names := func(columns []table.Column) (s []string) {
		for _, c := range columns {
			s = append(s, c.Name)
		}
		return s
	}
	for _, c := range []struct{ target, condition, columns, given []string }{
		{nil, nil, []string{"x", "y", "n"}, []string{"kind"}},
		{[]string{"y"}, nil, []string{"y"}, []string{"kind", "x", "n"}},
		{[]string{"y"}, []string{"x"}, []string{"y"}, []string{"x"}},
		{nil, []string{"kind", "n"}, []string{"x", "y"}, []string{"kind", "n"}},
	} {
		e, err := table.NewEncoding(got, c.target, c.condition)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.columns, names(e.Columns)) + cmp.Diff(c.given, names(e.Condition)); diff != "" {
			t.Errorf("%v given %v: %s", c.target, c.condition, diff)
		}
	}
	e, _ := table.NewEncoding(got, nil, nil)
	rows, err := e.Rows(got)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.5, 2.5, 3, -1, 3.5, 4, 2, 4.25, 9} {
		if v := e.Decode(rows)[i]; math.Abs(v-want) > 1e-6 || i%3 == 2 && v != want {
			t.Errorf("number %d is decoded to %v, want %v", i, v, want)
		}
	}
	conditions, err := e.Conditions(got)
	if diff := cmp.Diff([]float32{1, 0, 0, 1, 1, 0}, conditions); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for want, f := range map[string]func() error{
		`"cow" is none of the categories`: func() error { _, err := e.Conditions(read(t, "kind,x,y,n\ncow,1.5,2.5,3\n")); return err },
		`has no column "y"`:               func() error { _, err := e.Rows(read(t, "kind,x\ncat,1.5\n")); return err },
		`Target "q"`:                      func() error { _, err := table.NewEncoding(got, []string{"q"}, nil); return err },
		`Condition "q"`:                   func() error { _, err := table.NewEncoding(got, nil, []string{"q"}); return err },
		`a single row`:                    func() error { _, err := table.NewEncoding(read(t, "a,b\n1,2\n"), nil, nil); return err },
		`kind="cow"`:                      func() error { _, err := e.Given(map[string]string{"kind": "cow"}); return err },
		`is missing`:                      func() error { _, err := e.Given(nil); return err },
		`is no condition`:                 func() error { _, err := e.Given(map[string]string{"x": "1"}); return err },
		`holds text`:                      func() error { _, err := table.NewEncoding(got, []string{"kind"}, nil); return err },
		`is a target as well`:             func() error { _, err := table.NewEncoding(got, []string{"x"}, []string{"x"}); return err },
		`in every row`:                    func() error { _, err := table.NewEncoding(read(t, "a,b\n1,2\n1,3\n"), nil, nil); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
}
