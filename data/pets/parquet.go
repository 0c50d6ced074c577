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
)

// petRow is what the first pass reads of a row: everything but the picture.
type petRow struct {
	Path  string `parquet:"path,optional"`
	Label string `parquet:"label,optional"` // breed
	Dog   bool   `parquet:"dog,optional"`
}

// imageRow is what the second pass reads.
type imageRow struct {
	Image struct {
		Bytes []byte `parquet:"bytes,optional"`
	} `parquet:"image,optional"`
}

var columns = [][]string{{"path"}, {"label"}, {"dog"}, {"image", "bytes"}}

// IsParquet tells by content whether a file is parquet.
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

// Parquet lists the parquet form: one file with the columns path, label (the breed), dog and image{bytes, path}, and no splits. Trainval
// and test are derived from the photos' names, see [data.HeldOut]; they are not the official ones.
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
		return s, fmt.Errorf("pets: %s: %w", file, err)
	}
	entries := make([]entry, len(rows))
	for i, r := range rows {
		entries[i] = r.entry(i)
	}
	label := newLabeller(o.Labels, entries)
	s.Classes = label.classes
	itemOf := make([]int, len(rows)) // -1: not in the split
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
			encoded := bytes.Clone(r.Image.Bytes) // the reader uses its buffer again
			return yield(itemOf[row], func() ([]byte, error) { return encoded, nil })
		})
		return err
	}
	return s, nil
}

// entry names a row as the official layout would: by breed and number.
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

// readRows calls f with every row, as far as Row has columns for it, until f returns false.
func readRows[Row any](file string, f func(i int, r Row) bool) (err error) {
	defer func() {
		if r := recover(); r != nil { // as the picture decoders: a damaged file must not take the program along
			err = damaged(fmt.Errorf("%v", r))
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
		return damaged(err)
	}
	for _, column := range columns {
		if leaf, ok := p.Schema().Lookup(column...); !ok {
			return fmt.Errorf("has no column %s, only %s; give the pets' parquet file", strings.Join(column, "."), describe(p.Schema()))
		} else if kind := leaf.Node.Type().Kind(); (column[0] == "dog") != (kind == parquet.Boolean) || column[0] != "dog" && kind != parquet.ByteArray {
			return fmt.Errorf("column %s holds %s, not the text, bytes or truth that it should; give the pets' parquet file", strings.Join(column, "."), kind)
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
			return damaged(err)
		}
		clear(rows)
	}
}

func damaged(err error) error {
	return fmt.Errorf("damaged parquet file: %w; download it again", err)
}

func describe(s *parquet.Schema) string {
	var names []string
	for _, c := range s.Columns() {
		names = append(names, strings.Join(c, "."))
	}
	return strings.Join(names, ", ")
}
