// Writer writes the parquet files of the tests of data/internal/parquet, data/pets and data/source by parquet-go, which is another writer
// than that of testdata/make.py. It is a module of its own, since compiling parquet-go takes longer than those tests. Run it in its folder:
//
//	go run .
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
)

func main() {
	reader()
	hosted()
	forms()
	required()
}

// write writes a file below data.
func write[T any](path string, rows []T, options ...parquet.WriterOption) {
	path = filepath.Join("../../..", path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := parquet.WriteFile(path, rows, options...); err != nil {
		log.Fatal(err)
	}
}

// photo returns a PNG of 6 × 5 pixels of one grey.
func photo(grey uint8) []byte {
	p := image.NewGray(image.Rect(0, 0, 6, 5))
	for i := range p.Pix {
		p.Pix[i] = grey
	}
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}

// reader writes the table of TestOtherWriter.
func reader() {
	type row struct {
		Text *string `parquet:"text,optional"`
		Flag bool    `parquet:"flag"`
		N    int64   `parquet:"n,delta"`
	}
	var all []row
	for i := range 500 {
		r := row{Flag: i%5 == 0, N: int64(i * i * i)}
		if i%3 > 0 {
			s := strings.Repeat("é", i%40)
			r.Text = &s
		}
		all = append(all, r)
	}
	write("internal/parquet/testdata/parquet-go.parquet", all, parquet.MaxRowsPerRowGroup(100), parquet.Compression(&parquet.Lz4Raw))
}

// hostedRow is a row as Hugging Face writes it.
type hostedRow struct {
	Path  string `parquet:"path,optional"`
	Label string `parquet:"label,optional"`
	Dog   bool   `parquet:"dog"` // parquet-go writes false as null where it is optional
	Image struct {
		Bytes []byte `parquet:"bytes,optional"`
		Path  string `parquet:"path,optional"`
	} `parquet:"image,optional"`
}

// hosted writes tables of 100 and 40 rows, of which row 7 is corrupt, in row groups of 16, and shards of two rows.
func hosted() {
	for _, n := range []int{100, 40} {
		rows := make([]hostedRow, n)
		for i := range rows {
			r := &rows[i]
			r.Label, r.Dog = "Bengal", false
			if i%3 == 0 {
				r.Label, r.Dog = "american bulldog", true
			}
			r.Path = fmt.Sprintf("/data/pets/images/%s_%d.jpg", strings.ReplaceAll(r.Label, " ", "_"), i)
			r.Image.Path = r.Path
			r.Image.Bytes = photo(uint8(i))
		}
		rows[7].Image.Bytes = []byte("corrupt")
		write(fmt.Sprintf("pets/testdata/hosted-%d.parquet", n), rows, parquet.MaxRowsPerRowGroup(16), parquet.Compression(&parquet.Snappy))
	}
	for _, number := range []uint8{10, 2, 1} {
		var r hostedRow
		r.Path, r.Label, r.Image.Bytes = fmt.Sprintf("Bengal_%d.jpg", number), "Bengal", photo(number)
		write(fmt.Sprintf("pets/testdata/shards/part-%d.parquet", number), []hostedRow{r, r})
	}
}

func ptr[T any](v T) *T { return &v }

// forms writes tables of other forms: that of TestParquetForms, without and with a wrong number, and two without what pets need.
func forms() {
	type flat struct {
		Path  *string `parquet:"path,optional"`
		Label *int64  `parquet:"label,optional"`
		Dog   *int32  `parquet:"dog,optional"`
		Image []byte  `parquet:"image,optional"`
	}
	rows := []flat{
		{ptr("Bengal_1.jpg"), ptr(int64(0)), ptr(int32(0)), photo(1)},
		{ptr("pug_2.jpg"), ptr(int64(1)), ptr(int32(1)), photo(2)},
		{ptr("pug_3.jpg"), ptr(int64(1)), nil, photo(3)},
		{nil, nil, ptr(int32(1)), photo(4)},
		{ptr("Bengal_5.jpg"), ptr(int64(0)), ptr(int32(0)), nil},
		{ptr("Bengal_6.jpg"), ptr(int64(-1)), ptr(int32(0)), photo(6)},
	}
	names := parquet.KeyValueMetadata("huggingface", `{"info": {"features": {"label": {"names": ["Bengal", "pug"], "_type": "ClassLabel"}}}}`)
	write("pets/testdata/flat.parquet", rows, names)
	rows[1].Dog = ptr(int32(7))
	write("pets/testdata/wrong.parquet", rows)
	write("pets/testdata/other.parquet", []struct{ Text string }{{"a"}})
	write("pets/testdata/numbers.parquet", []struct {
		Path  string  `parquet:"path"`
		Label float64 `parquet:"label"`
	}{{"a", 1}})
}

// required writes a table without optional columns.
func required() {
	type row struct {
		Path  string `parquet:"path"`
		Label string `parquet:"label"`
		Dog   bool   `parquet:"dog"`
		Image struct {
			Bytes []byte `parquet:"bytes"`
			Path  string `parquet:"path"`
		} `parquet:"image"`
	}
	rows := make([]row, 1)
	rows[0].Path, rows[0].Label, rows[0].Image.Bytes = "Bengal_1.jpg", "Bengal", photo(1)
	write("source/testdata/required.parquet", rows)
}
