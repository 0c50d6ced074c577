package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// refuse returns an error if a flag is given that a run of a table has no use for.
func refuse(c *cobra.Command, names ...string) error {
	for _, name := range names {
		if c.Flags().Changed(name) {
			return usagef("--%s: belongs to runs of pictures, and this run has the density of a table; leave it out", name)
		}
	}
	return nil
}

// sampleRows draws rows of a density and writes them as a table.
func sampleRows(c *cobra.Command, run string, device *deviceFlags, o sample.Options, cells []string, out string) error {
	given, err := parsePairs("--given", cells)
	if err != nil {
		return err
	}
	if err := refuse(c, "class", "candidates", "temperature", "guidance", "model", "columns", "scale", "each", "format", "json", "compose", "compose-scale", "segmenter", "cutouts"); err != nil {
		return err
	}
	if !c.Flags().Changed("out") {
		out = "samples.csv"
	}
	if ext := strings.ToLower(filepath.Ext(out)); !slices.Contains([]string{".csv", ".tsv", ".txt", ""}, ext) {
		return usagef("--out %s: rows are written as text; use a name that ends in .csv or .tsv", out)
	}
	if leads(c) {
		if err := atomicfile.Check(out); err != nil {
			return err
		}
	}
	p, err := openDensity(c, run, device)
	if err != nil {
		return err
	}
	e := p.Data().Encoding
	if o.N < 1 || o.N > sample.MaxRows/len(e.Columns) {
		return usagef("-n %d: must be from 1 to %d", o.N, sample.MaxRows/len(e.Columns))
	}
	if len(given) > 0 || len(e.Condition) == 0 {
		rows, _, err := p.Sample(c.Context(), o.N, given, o.Seed)
		if err != nil {
			return err
		}
		return writeRows(c, out, &e, rows, func(_ int, column table.Column) string { return given[column.Name] })
	}
	description := p.Data()
	training, _, err := description.ReadOwn()
	if err != nil {
		return fmt.Errorf("%w; or give the condition with --given", err)
	}
	random, chosen := rand.New(rand.NewPCG(o.Seed, 0)), make([]int, o.N)
	for i := range chosen {
		chosen[i] = random.IntN(training.Rows)
	}
	conditions, err := training.Choose(chosen)
	if err != nil {
		return err
	}
	rows, _, err := p.SampleFor(c.Context(), conditions, 1, o.Seed)
	if err != nil {
		return err
	}
	return writeRows(c, out, &e, rows, func(i int, known table.Column) string {
		column, err := conditions.Column(known.Name)
		switch {
		case err != nil:
			return ""
		case column.Kind == table.Category:
			return column.Categories[int(column.Numbers[i])]
		}
		return table.Exact(column.Numbers[i])
	})
}

// writeRows writes rows [n, D] with the cells of their condition.
func writeRows(c *cobra.Command, out string, e *table.Encoding, rows []float64, condition func(i int, column table.Column) string) error {
	if !leads(c) {
		return nil
	}
	n := len(rows) / len(e.Columns)
	err := atomicfile.Write(out, func(w io.Writer) error {
		text := table.NewWriter(w, out)
		header := make([]string, 0, len(e.Columns)+len(e.Condition))
		for _, column := range slices.Concat(e.Condition, e.Columns) {
			header = append(header, column.Name)
		}
		if err := text.Write(header); err != nil {
			return err
		}
		for i := range n {
			cells := header[:0]
			for _, column := range e.Condition {
				cells = append(cells, condition(i, column))
			}
			for j, v := range rows[i*len(e.Columns):][:len(e.Columns)] {
				cells = append(cells, e.Cell(j, v))
			}
			if err := text.Write(cells); err != nil {
				return err
			}
		}
		text.Flush()
		return text.Error()
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", out, count(n, "row"))
	return err
}

// density measures the density of a table.
func (f *evalFlags) density(c *cobra.Command) error {
	if err := refuse(c, "split", "no-cache", "generated", "model", "classifier", "detector", "min-score", "inception", "clip", "samples", "temperature", "guidance", "beside", "copies", "mistakes", "results"); err != nil {
		return err
	}
	p, err := openDensity(c, f.run, f.device)
	if err != nil {
		return err
	}
	description := p.Data()
	var t *table.Table
	if f.pictures.path != "" {
		t, err = description.Read(f.pictures.path)
	} else if _, t, err = description.ReadOwn(); err == nil && t.Rows == 0 {
		err = usagef("--data is missing: the training held no rows out; name a table")
	}
	if err != nil {
		return err
	}
	if err := sameData(c, t.Path, func() string { return fileSum(t.Path) }); err != nil {
		return err
	}
	report, err := eval.EvaluateTable(c.Context(), p, t, eval.TableOptions{Seed: f.seed})
	if err != nil {
		return err
	}
	if f.plot != "" && leads(c) {
		if err := report.SavePlot(f.plot); err != nil {
			return err
		}
	}
	if f.pairs != "" {
		some := t.Some(2000, f.seed)
		made, _, err := p.SampleFor(c.Context(), some, 1, f.seed)
		if err != nil {
			return err
		}
		if leads(c) {
			if err := sample.SavePairs(f.pairs, some, &description.Encoding, made); err != nil {
				return err
			}
		}
	}
	return printFigures(c, f.run, report)
}
