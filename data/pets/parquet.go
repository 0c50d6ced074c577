package pets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// petRow holds the columns that the first pass reads: everything but the picture.
type petRow struct {
	Path  string `parquet:"path,optional"`
	Label string `parquet:"label,optional"` // breed
	Dog   bool   `parquet:"dog,optional"`
}

// imageRow holds the column that the second pass reads.
type imageRow struct {
	Image struct {
		Bytes []byte `parquet:"bytes,optional"`
	} `parquet:"image,optional"`
}

var columns = [][]string{{"path"}, {"label"}, {"dog"}, {"image", "bytes"}}

// IsParquet reports whether a file is parquet, by its content.
func IsParquet(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, 4)
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == "PAR1"
}

// Parquet lists the parquet form: one file with the columns path, label (the breed), dog (a truth value) and
// image{bytes, path}. It has no splits: Trainval and Test are derived from the names of the photos, see [data.HeldOut], and
// are not the official ones.
//
// Errors: a [*fault.FieldError] for options, and a [*fault.DamagedFile] for a damaged file.
func Parquet(file string, o data.Options) (s data.Source, err error) {
	s = data.Source{Layout: "pets", Path: file}
	if o, err = o.ResolveFor(s.Layout, file, data.UseLabels); err != nil {
		return s, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return s, fmt.Errorf("pets: %s: cannot be read; check the path and its permissions", file)
	}
	var rows []petRow
	err = readRows(file, func(_ int, r petRow) bool {
		r.Path, r.Label = strings.Clone(r.Path), strings.Clone(r.Label)
		rows = append(rows, r)
		return true
	})
	if err != nil {
		return s, fmt.Errorf("pets: %w", err)
	}
	entries := make([]entry, len(rows))
	for i, r := range rows {
		entries[i] = r.entry(i)
	}
	label := newLabeller(o.Labels, entries)
	s.Classes = label.classes
	itemOf := make([]int, len(rows)) // −1: not in the split
	for i, e := range entries {
		itemOf[i] = -1
		if o.Split.Has(data.HeldOut(e.name)) {
			itemOf[i] = len(s.Items)
			class, _ := label.of(e)
			s.Items = append(s.Items, data.Item{Name: fmt.Sprintf("row %d: %s", i, e.name), Label: class, Stamp: data.Stamp(info)})
		}
	}
	s.Read = func(yield func(int, data.Encoded) bool) error {
		err := readRows(file, func(row int, r imageRow) bool {
			if row >= len(itemOf) || itemOf[row] < 0 {
				return true
			}
			encoded := bytes.Clone(r.Image.Bytes) // the reader reuses its buffer
			return yield(itemOf[row], func() ([]byte, error) { return encoded, nil })
		})
		return err
	}
	return s, nil
}

// entry names a row as in the official layout: by breed and number.
func (r petRow) entry(row int) entry {
	name := strings.TrimSuffix(path.Base(strings.ReplaceAll(r.Path, `\`, "/")), path.Ext(r.Path))
	if breed := strings.ReplaceAll(r.Label, " ", "_"); breedOf(name) != breed {
		name = fmt.Sprintf("%s_%d", breed, row)
	}
	if r.Dog {
		return entry{name, 1}
	}
	return entry{name, 0}
}

// readRows calls f with the columns of Row of every row, until f returns false.
func readRows[Row any](file string, f func(i int, r Row) bool) (err error) {
	defer func() {
		if r := recover(); r != nil { // the library may panic on a damaged file
			err = broken(file, r)
		}
	}()
	h, err := os.Open(file)
	if err != nil {
		return err
	}
	defer h.Close()
	info, err := h.Stat()
	if err != nil {
		return err
	}
	p, err := parquet.OpenFile(h, info.Size())
	if err != nil {
		return broken(file, err)
	}
	for _, column := range columns {
		if leaf, ok := p.Schema().Lookup(column...); !ok {
			return fmt.Errorf("%s: has no column %s, only %s; give the pets' parquet file", file, strings.Join(column, "."), describe(p.Schema()))
		} else if kind := leaf.Node.Type().Kind(); (column[0] == "dog") != (kind == parquet.Boolean) || column[0] != "dog" && kind != parquet.ByteArray {
			return fmt.Errorf("%s: column %s holds %s, not text, bytes or truth values as it should; give the pets' parquet file", file, strings.Join(column, "."), kind)
		}
	}
	reader := parquet.NewGenericReader[Row](p)
	defer reader.Close()
	rows := make([]Row, 16)
	for at := 0; ; {
		n, err := reader.Read(rows)
		for _, r := range rows[:n] {
			if !f(at, r) {
				return nil
			}
			at++
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return broken(file, err)
		}
		clear(rows)
	}
}

// broken returns the error for a parquet file that is damaged.
func broken(file string, cause any) error {
	return fault.Damaged(file, "damaged parquet file: %v; download it again", cause)
}

// describe lists the columns of a file.
func describe(s *parquet.Schema) string {
	var names []string
	for _, c := range s.Columns() {
		names = append(names, strings.Join(c, "."))
	}
	return strings.Join(names, ", ")
}
