package pets

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/bestiary-ml/bestiary/data"
)

// hostedRow is a row as Hugging Face writes it.
type hostedRow struct {
	Path  string `parquet:"path,optional"`
	Label string `parquet:"label,optional"`
	Dog   bool   `parquet:"dog,optional"`
	Image struct {
		Bytes []byte `parquet:"bytes,optional"`
		Path  string `parquet:"path,optional"`
	} `parquet:"image,optional"`
}

// hosted writes n rows, of which row 7 is corrupt, in row groups of 16.
func hosted(t testing.TB, n int) string {
	rows := make([]hostedRow, n)
	for i := range rows {
		r := &rows[i]
		r.Label, r.Dog = "Bengal", false
		if i%3 == 0 {
			r.Label, r.Dog = "american bulldog", true
		}
		r.Path = fmt.Sprintf("/data/pets/images/%s_%d.jpg", strings.ReplaceAll(r.Label, " ", "_"), i)
		r.Image.Path = r.Path
		r.Image.Bytes = photo(t, uint8(i))
	}
	rows[7].Image.Bytes = []byte("corrupt")
	path := filepath.Join(t.TempDir(), "pets.parquet")
	if err := parquet.WriteFile(path, rows, parquet.MaxRowsPerRowGroup(16), parquet.Compression(&parquet.Snappy)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParquet(t *testing.T) {
	const n = 100
	path := hosted(t, n)
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
	whole, err := os.ReadFile(hosted(t, 40))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	other := filepath.Join(folder, "other.parquet")
	if err := parquet.WriteFile(other, []struct{ Text string }{{"a"}}); err != nil {
		t.Fatal(err)
	}
	numbers := filepath.Join(folder, "numbers.parquet")
	if err := parquet.WriteFile(numbers, []struct {
		Path  string `parquet:"path"`
		Label int64  `parquet:"label"`
	}{{"a", 1}}); err != nil {
		t.Fatal(err)
	}
	truncated := filepath.Join(folder, "truncated.parquet")
	write(t, truncated, whole[:len(whole)/2])
	for path, want := range map[string]string{
		other: "has no column path, only Text", numbers: "column label holds INT64", truncated: "damaged parquet file",
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
