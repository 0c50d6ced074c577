package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// rankedRows is the largest number of training rows that rows are ranked among; the standard error of a rank is then 0.002 or less.
const rankedRows = 50_000

// scored is the output of density with --json.
type scored struct {
	Data    string      `json:"data"`
	Rows    int         `json:"rows"`
	LeftOut int         `json:"left_out"` // rows with a missing cell
	Mean    float64     `json:"mean_log_density"`
	Scores  []scoredRow `json:"scores"`
}

// scoredRow is a row with its score.
type scoredRow struct {
	Line       int      `json:"line"`
	LogDensity float64  `json:"log_density"`
	Rank       *float64 `json:"rank,omitempty"`
}

func newDensity() *cobra.Command {
	var run, path, out, own string
	var asJSON, noRank bool
	c := &cobra.Command{
		Use:   "density",
		Short: "Score the rows of a table by their log-density",
		Long: `Compute the log-density of each row of a table under a trained density, in nats and in the table's
units, and append two columns to the table:

  log_density  ln p(row), or ln p(target | condition)
  rank         share of the training rows with a lower log-density: an anomaly score. A row with rank
               0.001 is less typical than 99.9 % of the training rows

Rows with a missing cell in a column that the density uses keep their place, without a score. For
whole numbers, log_density is the logarithm of a probability.`,
		Example: `  bestiary density --run runs/wine --data other.csv --out scored.csv
  bestiary density --run runs/wine --data other.parquet --json`,
		Args: noArguments,
	}
	addRunFlag(c, &run)
	device := addDeviceFlags(c)
	c.Flags().StringVar(&path, "data", "", "table to score: .csv, .tsv, .txt, .parquet or .npy (required)")
	c.Flags().StringVar(&out, "out", "", "table to write, .csv or .tsv (default: stdout)")
	c.Flags().StringVar(&own, "training", "", "table of the training, to rank among its rows (default: where it was)")
	c.Flags().BoolVar(&noRank, "no-rank", false, "leave the column rank out; then the table of the training isn't read")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of a table")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case path == "" && run != "":
			return usagef("--data is missing: name the table to score")
		case asJSON && out != "":
			return usagef("--out %s: is a table, and --json prints to stdout; leave one of them out", out)
		case noRank && own != "":
			return usagef("--training %s: is to rank rows, and --no-rank leaves ranks out; leave one of them out", own)
		}
		if out != "" {
			if err := atomicfile.Check(out); err != nil {
				return err
			}
		}
		p, err := openDensity(c, run, device)
		if err != nil {
			return err
		}
		description := p.Data()
		t, err := description.Read(path)
		if err != nil {
			return err
		}
		logs, err := p.LogProb(c.Context(), t)
		if err != nil {
			return err
		}
		var among []float64
		if !noRank {
			if among, err = trainingScores(c, p, own); err != nil {
				return err
			}
		}
		if asJSON {
			return printScores(c, run, path, t, logs, among)
		}
		if t.Dropped > 0 {
			fmt.Fprintf(c.ErrOrStderr(), "%s: %s with a missing cell without a score\n", path, count(t.Dropped, "row"))
		}
		write := func(w io.Writer) error { return writeScores(table.NewWriter(w, out), path, t, logs, among) }
		if out == "" {
			return write(c.OutOrStdout())
		}
		if err := atomicfile.Write(out, write); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s, mean log-density %.4f nats\n", out, count(t.Rows, "row"), mean(logs))
		return err
	}
	return c
}

// trainingScores returns the log-densities of training rows, sorted.
func trainingScores(c *cobra.Command, p *sample.Density, path string) ([]float64, error) {
	description := p.Data()
	if path != "" {
		description.Path, description.From = path, ""
	}
	training, _, err := description.ReadOwn()
	if err != nil {
		return nil, err
	}
	logs, err := p.LogProb(c.Context(), training.Some(rankedRows, description.Seed))
	slices.Sort(logs)
	return logs, err
}

// rank is the share of sorted log-densities below one; half of those equal to it count.
func rank(sorted []float64, v float64) float64 {
	below, _ := slices.BinarySearch(sorted, v)
	upTo, _ := slices.BinarySearch(sorted, math.Nextafter(v, math.Inf(1)))
	return (float64(below) + float64(upTo)) / 2 / float64(len(sorted))
}

func writeScores(w *csv.Writer, path string, t *table.Table, logs, among []float64) error {
	names := []string{"log_density"}
	if among != nil {
		names = append(names, "rank")
	}
	row := 0
	return table.Annotate(path, w, names, func(line int) []string {
		if row >= t.Rows || t.Line(row) != line {
			return nil
		}
		cells := []string{strconv.FormatFloat(logs[row], 'g', 8, 64)}
		if among != nil {
			cells = append(cells, strconv.FormatFloat(rank(among, logs[row]), 'g', 5, 64))
		}
		row++
		return cells
	})
}

func printScores(c *cobra.Command, run, path string, t *table.Table, logs, among []float64) error {
	s := scored{Data: path, Rows: t.Rows, LeftOut: t.Dropped, Mean: mean(logs)}
	for i, l := range logs {
		one := scoredRow{Line: t.Line(i), LogDensity: l}
		if among != nil {
			share := rank(among, l)
			one.Rank = &share
		}
		s.Scores = append(s.Scores, one)
	}
	out := json.NewEncoder(c.OutOrStdout())
	if err := out.Encode(s); err != nil {
		return fmt.Errorf("%s: some log-densities are not finite numbers (%w); the model has diverged, train it again", run, err)
	}
	return nil
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}
