package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/spf13/cobra"
)

func newInfo() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "info RUN",
		Short: "Show the models, trainings and data of a run folder, and what to do next",
		Long: `Show what a run folder holds: its models with their sizes, the steps and losses of their trainings, the
data, and the commands that continue from here. It reads the folder without changing it, so it also
works while a training is running. "bestiary verify" checks every file.`,
		Example: `  bestiary info runs/pets
  bestiary info --json runs/birds`,
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("info takes one run folder; see %s --help", c.CommandPath())
		}
		info, err := readInfo(args[0])
		if err != nil {
			return err
		}
		if asJSON {
			out := json.NewEncoder(c.OutOrStdout())
			out.SetIndent("", "  ")
			return out.Encode(info)
		}
		return info.write(c.OutOrStdout())
	}
	return c
}

// write prints the report for a reader.
func (i *runInfo) write(w io.Writer) error {
	var b strings.Builder
	kind := "no models yet"
	if own := familyOf(i.names()); own != nil {
		kind = fmt.Sprintf("a %s run, of %s", own.name, own.what)
	}
	fmt.Fprintf(&b, "%s: %s\n", i.Run, kind)
	if d := i.Data; d != nil {
		b.WriteString("data: " + d.text() + "\n")
	}
	if t := i.Tokenizer; t != nil {
		fmt.Fprintf(&b, "tokenizer: %s, %d ids\n", t.Kind, t.VocabSize)
	}
	if len(i.Models) > 0 {
		b.WriteByte('\n')
		table := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		fmt.Fprintln(table, "model\tparameters\tsteps\tloss\theld out\t")
		for _, m := range i.Models {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t\n", m.Name, formatCount(m.Parameters), m.steps(), figure(m.Loss), m.heldOut())
		}
		if err := table.Flush(); err != nil {
			return err
		}
		b.WriteByte('\n')
		for _, m := range i.Models {
			fmt.Fprintf(&b, "%s: %s\n", m.Name, m.Summary)
			if m.Problem != "" {
				fmt.Fprintf(&b, "%s: %s\n", m.Name, printable.Text(m.Problem))
			}
		}
	}
	if len(i.Next) > 0 {
		b.WriteString("\nnext:\n")
		for _, n := range i.Next {
			fmt.Fprintf(&b, "  %s  # %s\n", n.Command, n.Why)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// names returns the names of the models.
func (i *runInfo) names() (all []string) {
	for _, m := range i.Models {
		all = append(all, m.Name)
	}
	return all
}

// steps is the progress of a training: "500/4000", "500 (10 epochs planned)", or "imported".
func (m *modelInfo) steps() string {
	switch {
	case m.Training == nil && m.Imported != "":
		return "imported"
	case m.Training == nil:
		return "-"
	case m.Training.Steps > 0:
		return fmt.Sprintf("%d/%d", m.Step, m.Training.Steps)
	}
	return fmt.Sprintf("%d (%s)", m.Step, count(m.Training.Epochs, "epoch"))
}

// heldOut is the last held-out loss, and the lowest if it is another.
func (m *modelInfo) heldOut() string {
	last := figure(m.HeldOut["loss"])
	if m.Best != nil && m.Best.Step != m.evaluated {
		last += fmt.Sprintf(" (lowest %.5g after step %d)", m.Best.Loss, m.Best.Step)
	}
	return last
}

// figure is a number for a table.
func figure(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v, 'g', 5, 64)
}

// formatCount writes a number of parameters: "18.6 M".
func formatCount(n int) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v := float64(n) / unit.size; v >= 1 {
			return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + " " + unit.name
		}
	}
	return strconv.Itoa(n)
}

// text describes the data in a line.
func (d *dataInfo) text() string {
	parts := []string{printable.Text(d.Path)}
	if d.Split != "" {
		parts = append(parts, "split "+d.Split)
	}
	if d.Part != "" {
		parts = append(parts, "part "+d.Part)
	}
	what := "picture"
	if d.Rows {
		what = "row"
	}
	if d.Count > 0 {
		parts = append(parts, fmt.Sprintf("%s to train on and %d held out", count(d.Count, what), d.HeldOut))
	}
	if d.Size > 0 {
		parts = append(parts, fmt.Sprintf("%d×%d pixels", d.Size, d.Size))
	}
	if n := len(d.Classes); n > 0 {
		some := slices.Clone(d.Classes[:min(n, 8)])
		for i := range some {
			some[i] = printable.Short(some[i])
		}
		text := strings.Join(some, ", ")
		if n > len(some) {
			text += fmt.Sprintf(" and %d more", n-len(some))
		}
		parts = append(parts, fmt.Sprintf("%d classes: %s", n, text))
	}
	return strings.Join(parts, ", ")
}
