package sample

import (
	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/plots"
)

// SavePairs draws rows of a table beside samples [n, D] of a density with that encoding, and writes a PNG file: a panel for each
// pair of the first six columns.
func SavePairs(path string, t *table.Table, e *table.Encoding, samples []float64) error {
	if t == nil || e == nil || len(e.Columns) == 0 || len(samples)%len(e.Columns) != 0 {
		return fault.Field("Samples", len(samples), "must be rows of the encoding's columns")
	}
	var names []string
	from, made := plots.Cloud{Name: "data"}, plots.Cloud{Name: "samples"}
	for j, known := range e.Columns {
		if j == plots.MaxPairs {
			break
		}
		c, err := t.Column(known.Name)
		if err != nil {
			return err
		}
		column := make([]float64, 0, len(samples)/len(e.Columns))
		for i := j; i < len(samples); i += len(e.Columns) {
			column = append(column, samples[i])
		}
		names = append(names, known.Name)
		from.Columns, made.Columns = append(from.Columns, c.Numbers), append(made.Columns, column)
	}
	return plots.Pairs(path, names, from, made)
}
