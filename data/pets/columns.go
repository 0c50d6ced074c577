package pets

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data/internal/parquet"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

// open opens a file and checks its columns.
func open(file string) (*parquet.File, error) {
	p, err := parquet.Open(file)
	if err != nil {
		return nil, broken(file, err)
	}
	if err := check(p); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// check returns an error if a column is missing or of a kind that cannot be understood.
func check(p *parquet.File) error {
	for _, want := range []struct {
		name  string
		kinds []parquet.Kind
	}{
		{"path", []parquet.Kind{parquet.Bytes}},
		{"label", []parquet.Kind{parquet.Bytes, parquet.Int32, parquet.Int64}},
		{"dog", []parquet.Kind{parquet.Boolean, parquet.Int32, parquet.Int64}},
		{"image.bytes", []parquet.Kind{parquet.Bytes}},
	} {
		c := p.Column(want.name)
		if want.name == "image.bytes" {
			c = imageColumn(p)
		}
		switch {
		case c == nil:
			return fmt.Errorf("%s: has no column %s, only %s; give the pets' parquet file", p.Path, want.name, printable.Short(p.Names()))
		case c.Repeated || !slices.Contains(want.kinds, c.Kind):
			held := c.Kind.String()
			if c.Repeated {
				held = "lists"
			}
			return fmt.Errorf("%s: column %s holds %s, not text, bytes or truth values as it should; give the pets' parquet file", p.Path, c.Path, held)
		}
	}
	return nil
}

// imageColumn returns the column of the pictures, or nil: image.bytes as Hugging Face has it, or image.
func imageColumn(p *parquet.File) *parquet.Column {
	if c := p.Column("image.bytes"); c != nil {
		return c
	}
	return p.Column("image")
}

// classNames returns the names of the numbers in column label, which Hugging Face keeps in the file's metadata.
func classNames(p *parquet.File) []string {
	var meta struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(p.Metadata["huggingface"]), &meta) != nil {
		return nil
	}
	var feature struct {
		Names []string `json:"names"`
	}
	if json.Unmarshal(meta.Info.Features["label"], &feature) != nil {
		return nil
	}
	return feature.Names
}

// broken returns the error for a parquet file that cannot be read.
func broken(file string, err error) error {
	if parquet.Damaged(err) {
		return fault.Damaged(file, "damaged parquet file: %s; download it again", printable.Short(err.Error()))
	}
	return fmt.Errorf("%s: cannot be read (%w); check the path and its permissions", file, err)
}
