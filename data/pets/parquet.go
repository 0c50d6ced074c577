package pets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/internal/parquet"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

// IsParquet reports whether a path is a parquet file, by its content, or a folder that holds some, or one whose sub-folder
// data does.
func IsParquet(file string) bool {
	info, err := os.Stat(file)
	if err != nil {
		return false
	}
	if info.IsDir() {
		shards, err := shards(file)
		return err == nil && len(shards) > 0 && parquet.Is(shards[0])
	}
	return parquet.Is(file)
}

// shards returns the parquet files of a folder, or of its sub-folder data, in the order of the numbers in their names.
func shards(folder string) ([]string, error) {
	for _, in := range []string{folder, filepath.Join(folder, "data")} {
		entries, err := os.ReadDir(in)
		if err != nil {
			if in != folder && errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			return nil, err
		}
		var names []string
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") && strings.EqualFold(filepath.Ext(e.Name()), ".parquet") {
				names = append(names, e.Name())
			}
		}
		if len(names) > 0 {
			slices.SortFunc(names, data.CompareNames)
			for i, name := range names {
				names[i] = filepath.Join(in, name)
			}
			return names, nil
		}
	}
	return nil, nil
}

// petRow is a row without its picture.
type petRow struct {
	path, label    string
	species        int  // −1: null
	labelled, text bool // the label is not null, and UTF-8
}

// shard is a parquet file with the items of its rows.
type shard struct {
	path   string
	itemOf []int // by row, −1: not in the split
}

// Parquet lists the parquet form: a file, or a folder of several that are read in the order of the numbers in their names.
// The columns are path, label (the breed), dog (a truth value) and image{bytes, path}. Other forms with one meaning are
// read too: image as bytes, dog as 0 and 1, label as the number of a class, named as Hugging Face names it in the file's
// metadata. A row without a class (its dog or label is null) is left out and counted.
//
// It has no splits: Trainval and Test are derived from the names of the photos, see [data.HeldOut], and are not the
// official ones.
//
// Errors: a [*fault.FieldError] for options, and a [*fault.DamagedFile] for a damaged file.
func Parquet(file string, o data.Options) (s data.Source, err error) {
	defer printable.Error(&err)
	s = data.Source{Layout: "pets", Path: file}
	if o, err = o.ResolveFor(s.Layout, file, data.UseLabels); err != nil {
		return s, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return s, fmt.Errorf("pets: %s: cannot be read; check the path and its permissions", file)
	}
	files := []string{file}
	if info.IsDir() {
		if files, err = shards(file); err != nil || len(files) == 0 {
			return s, fmt.Errorf("pets: %s: holds no parquet files; give a folder that does", file)
		}
	}
	var all []*shard
	var entries []entry // of all rows
	var stamps []string
	var where []string // names of the rows
	var unlabelled, unknown []string
	var keep []bool
	for _, path := range files {
		if info, err = os.Stat(path); err != nil {
			return s, fmt.Errorf("pets: %s: cannot be read; check the path and its permissions", path)
		}
		rows, err := readRows(path)
		if err != nil {
			return s, fmt.Errorf("pets: %w", err)
		}
		prefix := ""
		if len(files) > 1 {
			prefix = filepath.Base(path) + " "
		}
		for i, r := range rows {
			e, name := r.entry(i), fmt.Sprintf("%srow %d", prefix, i)
			null := r.species < 0
			if o.Labels == data.Breed {
				null = !r.labelled
			}
			switch {
			case null:
				unlabelled = append(unlabelled, name)
			case !r.text:
				unknown = append(unknown, name)
			}
			keep = append(keep, !null && r.text)
			entries = append(entries, e)
			where = append(where, name+": "+e.name)
			stamps = append(stamps, data.Stamp(info))
		}
		all = append(all, &shard{path: path, itemOf: make([]int, len(rows))})
	}
	var labelled []entry
	for i, e := range entries {
		if keep[i] {
			labelled = append(labelled, e)
		}
	}
	label := newLabeller(o.Labels, labelled)
	s.Classes = label.classes
	at := 0
	for _, sh := range all {
		for row := range sh.itemOf {
			e := entries[at]
			sh.itemOf[row] = -1
			if keep[at] && o.Split.Has(data.HeldOut(e.name)) {
				sh.itemOf[row] = len(s.Items)
				class, _ := label.of(e)
				s.Items = append(s.Items, data.Item{Name: where[at], Label: class, Stamp: stamps[at]})
			}
			at++
		}
	}
	column := "dog"
	if o.Labels == data.Breed {
		column = "label"
	}
	s.AddNote("rows whose "+column+" is null, left out", unlabelled)
	s.AddNote("rows whose label is not UTF-8, left out", unknown)
	s.Read = func(yield func(int, data.Encoded) bool) error {
		for _, sh := range all {
			on, err := sh.read(yield)
			if err != nil || !on {
				return err
			}
		}
		return nil
	}
	return s, nil
}

// entry names a row as in the official layout: by breed and number.
func (r petRow) entry(row int) entry {
	name := strings.TrimSuffix(path.Base(strings.ReplaceAll(r.path, `\`, "/")), path.Ext(r.path))
	switch breed := strings.ReplaceAll(r.label, " ", "_"); {
	case r.labelled && breedOf(name) != breed:
		name = fmt.Sprintf("%s_%d", breed, row)
	case r.path == "":
		name = fmt.Sprintf("unnamed_%d", row)
	}
	return entry{name, max(r.species, 0)}
}

// readRows reads the columns of a file but for the pictures.
func readRows(file string) ([]petRow, error) {
	p, err := open(file)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	rows := make([]petRow, p.Rows)
	column := func(name string, set func(r *petRow, v parquet.Value)) {
		if err == nil {
			err = p.Read(p.Column(name), func(row int, v parquet.Value) bool {
				set(&rows[row], v)
				return true
			})
		}
	}
	column("path", func(r *petRow, v parquet.Value) { r.path = string(v.Bytes) })
	names := classNames(p)
	number := p.Column("label").Kind != parquet.Bytes
	column("label", func(r *petRow, v parquet.Value) {
		switch r.labelled = !v.Null; {
		case v.Null:
		case !number:
			r.label = string(v.Bytes)
		case v.Int >= 0 && v.Int < int64(len(names)):
			r.label = names[v.Int]
		default:
			r.label = strconv.FormatInt(v.Int, 10)
			if len(names) > 0 && v.Int < 0 { // Hugging Face writes −1 for an unknown class
				r.label, r.labelled = "", false
			}
		}
		r.text = utf8.ValidString(r.label)
	})
	odd := int64(0)
	column("dog", func(r *petRow, v parquet.Value) {
		if r.species = int(v.Int & 1); v.Null {
			r.species = -1
		} else if v.Int != 0 && v.Int != 1 {
			odd = v.Int
		}
	})
	switch {
	case err != nil:
		return nil, broken(file, err)
	case odd != 0:
		return nil, fmt.Errorf("%s: column dog holds the number %d, not 0 for cats and 1 for dogs; give the pets' parquet file", file, odd)
	}
	return rows, nil
}

// read yields the pictures of a shard. on is false if yield has returned false.
func (sh *shard) read(yield func(int, data.Encoded) bool) (on bool, err error) {
	p, err := open(sh.path)
	if err != nil {
		return false, err
	}
	defer p.Close()
	on = true
	err = p.Read(imageColumn(p), func(row int, v parquet.Value) bool {
		if row >= len(sh.itemOf) || sh.itemOf[row] < 0 {
			return true
		}
		on = yield(sh.itemOf[row], func() ([]byte, error) {
			if v.Null {
				return nil, &data.Unusable{Reason: "the picture is null"}
			}
			return v.Bytes, nil
		})
		return on
	})
	if err != nil {
		return false, broken(sh.path, err)
	}
	return on, nil
}
