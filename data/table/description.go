package table

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/fault"
)

// Description says where the rows of a training come from. A run folder keeps it.
type Description struct {
	Path     string          `json:"path"`
	From     string          `json:"from,omitempty"`  // folder in which a relative path was given
	Kinds    map[string]Kind `json:"kinds,omitempty"` // of columns whose kind was not found out
	Share    float64         `json:"share"`           // of the rows, held out to evaluate the training
	Seed     uint64          `json:"seed"`            // of the choice of held-out rows
	Encoding Encoding        `json:"encoding"`
}

// Read reads the columns of the encoding from a table, with the kinds that they had in the training: a cell that doesn't fit its
// column's kind is an error that names file, line and column.
func (d *Description) Read(path string) (*Table, error) {
	kinds := map[string]Kind{}
	for _, all := range [][]Column{d.Encoding.Columns, d.Encoding.Condition} {
		for _, c := range all {
			kinds[c.Name] = c.Kind
		}
	}
	return Read(path, Options{Columns: d.Encoding.Names(), Kinds: kinds})
}

// ReadOwn reads the table of the training and divides it as the training did. A relative path is looked for where it was given,
// then in the current folder.
func (d *Description) ReadOwn() (training, heldOut *Table, err error) {
	t, err := d.Read(d.locate())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fault.Damaged(d.locate(), "can't be found, and the run was trained on it; put the table back, or name the one to use")
	}
	if err != nil {
		return nil, nil, err
	}
	return t.Split(d.Share, d.Seed)
}

func (d *Description) locate() string {
	if filepath.IsAbs(d.Path) || d.From == "" {
		return d.Path
	}
	there := filepath.Join(d.From, d.Path)
	if _, err := os.Stat(there); err != nil {
		if _, err := os.Stat(d.Path); err == nil {
			return d.Path
		}
	}
	return there
}

// Names are the columns that the encoding uses.
func (e *Encoding) Names() (names []string) {
	for _, all := range [][]Column{e.Columns, e.Condition} {
		for _, c := range all {
			names = append(names, c.Name)
		}
	}
	return names
}
