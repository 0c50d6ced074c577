package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// densityFlags are the flags that choose a table and its flow.
type densityFlags struct {
	*trainFlags
	path              string
	target, condition []string
	kinds             []string
	share             float64
	architecture      string
	hidden            []int
	how               tasks.DensityOptions
}

func newTrainDensity() *cobra.Command {
	f := &densityFlags{}
	c := &cobra.Command{
		Use:   models.Density.Name,
		Short: "Train a flow that learns the density of a table's rows",
		Long: `Train a normalizing flow on the rows of a table: CSV, TSV, text with blanks, Parquet or NumPy (.npy).
What each column holds is found out and printed before the training: continuous numbers, shares from
0 to 1, angles, whole numbers (which are dequantized) or text. Rows with a missing cell are left out
and counted.

Without --target, the density is over all columns of numbers, given those of text. With --target, it
is over these columns, given --condition or else all others.

Architectures:
  nsf      neural spline flow (Durkan et al., 2019): the most expressive in few layers
  maf      masked autoregressive flow (Papamakarios et al., 2017)
  realnvp  affine couplings (Dinh et al., 2017)
  iaf      inverse autoregressive flow (Kingma et al., 2016): fast samples, slow densities
  cfm      continuous flow, trained by flow matching (Lipman et al., 2023)`,
		Example: `  bestiary train density --data wine.csv --out runs/wine
  bestiary train density --data wine.csv --target quality --out runs/quality
  bestiary train density --data wind.csv --kind direction=angle --architecture maf --out runs/wind
  bestiary density --run runs/wine --data other.csv --out scored.csv
  bestiary sample --run runs/wine -n 1000 --out new.csv`,
		Args: noArguments,
	}
	f.trainFlags = addTrainFlagsOnly(c, models.Density.Info, "out", "run folder to make or to resume (required)", tasks.DefaultDensity().Training)
	c.Flags().StringVar(&f.path, "data", "", "table: .csv, .tsv, .txt, .parquet or .npy")
	c.Flags().StringSliceVar(&f.target, "target", nil, "columns that the density is over (default: all columns of numbers)")
	c.Flags().StringSliceVar(&f.condition, "condition", nil, "columns that it is given (default: all others with --target, and columns of text)")
	c.Flags().StringSliceVar(&f.kinds, "kind", nil, "what columns hold, if it is not found out: wind=angle,count=integer; kinds are continuous, unit, angle, integer and category")
	c.Flags().Float64Var(&f.share, "hold-out", 0.1, "share of the rows that is held out to evaluate the training")
	c.Flags().StringVar(&f.architecture, "architecture", "nsf", strings.Join(tasks.Architectures, ", "))
	c.Flags().IntSliceVar(&f.hidden, "hidden", nil, "hidden layers of each network (default: those of the architecture)")
	c.Flags().Float64Var(&f.how.Noise, "noise", 0, "Gaussian noise on the columns in training, in their standard deviations; helps small tables")
	c.Flags().Float64Var(&f.how.ConditionNoise, "condition-noise", 0, "the same on the condition")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.train(c) }
	return c
}

func (f *densityFlags) train(c *cobra.Command) error {
	if !(f.share >= 0 && f.share < 1) {
		return usagef("--hold-out %v: is out of range; choose 0 to less than 1", f.share)
	}
	if err := f.how.Validate(); err != nil {
		return err
	}
	for _, width := range f.hidden {
		if width < 1 || width > 65536 {
			return usagef("--hidden %d: must be widths of 1 to 65536", width)
		}
	}
	if !slices.Contains(tasks.Architectures, f.architecture) {
		return usagef("--architecture %.80q: must be one of %s", f.architecture, strings.Join(tasks.Architectures, ", "))
	}
	if _, err := parsePairs("--kind", f.kinds); err != nil {
		return err
	}
	if f.path == "" && !f.resume {
		return usagef("--data is missing: name the table, such as wine.csv, wine.parquet or wine.npy")
	}
	r, d, err := f.open(c, true)
	if err != nil {
		return err
	}
	var description table.Description
	var spec flows.Spec
	if f.resume {
		if err := keepModel(c, "target", "condition", "kind", "hold-out", "architecture", "hidden", "noise", "condition-noise"); err != nil {
			return err
		}
		if err := r.Data(&description); err != nil {
			return err
		}
		if spec, err = models.Density.Config(f.run); err != nil {
			return err
		}
		if err := r.Options(f.kind.Name, &f.how); err != nil {
			return err
		}
	}
	settings, err := f.settings(c)
	if err != nil {
		return err
	}
	var training, heldOut *table.Table
	if f.resume {
		if f.path != "" {
			description.Path, description.From = f.path, data.GivenIn(f.path)
		}
		training, heldOut, err = description.ReadOwn()
	} else {
		description = table.Description{Path: f.path, From: data.GivenIn(f.path), Share: f.share, Seed: settings.Seed}
		training, heldOut, err = f.read(c, &description)
	}
	if err != nil {
		return err
	}
	if !f.resume {
		if spec, err = tasks.DensitySpec(f.architecture, &description.Encoding); err != nil {
			return err
		}
		if f.hidden != nil {
			for i := range spec.Layers {
				if len(spec.Layers[i].Hidden) > 0 {
					spec.Layers[i].Hidden = f.hidden
				}
			}
		}
		if err := spec.Validate(); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.ErrOrStderr(), "training on %s, %d held out\n", count(training.Rows, "row"), heldOut.Rows)
	fewRows(c, &description.Encoding, training.Rows)
	if settings.Batch > training.Rows && c.Flags().Changed("batch") {
		return usagef("--batch %d: is more than the %s to train on; choose a smaller batch, or add rows", settings.Batch, count(training.Rows, "row"))
	}
	fit(c, &settings, training.Rows, heldOut.Rows)
	if settings.Patience > 0 && f.architecture == "cfm" && !c.Flags().Changed("eval-every") && !f.resume {
		settings.EvalEvery = 500 // each evaluation solves differential equations
	}
	o := tasks.Options{Batch: settings.Batch, Seed: settings.Seed}
	_, task, err := tasks.Density(c.Context(), d, spec, f.how, description, training, heldOut, o)
	if err != nil {
		return err
	}
	return runTask(c, f.trainFlags, task, settings)
}

// read reads the table of a new training, prints what its columns hold, and divides it.
func (f *densityFlags) read(c *cobra.Command, description *table.Description) (training, heldOut *table.Table, err error) {
	o := table.Options{Kinds: map[string]table.Kind{}}
	kinds, err := parsePairs("--kind", f.kinds)
	if err != nil {
		return nil, nil, err
	}
	for name, kind := range kinds {
		o.Kinds[name] = table.Kind(kind)
	}
	description.Kinds = o.Kinds
	if len(f.target) > 0 && len(f.condition) > 0 {
		o.Columns = append(append(o.Columns, f.target...), f.condition...)
	}
	t, err := table.Read(f.path, o)
	if err != nil {
		return nil, nil, err
	}
	for name := range kinds {
		if _, err := t.Column(name); err != nil {
			return nil, nil, usagef("--kind %.80q: %w", name, err)
		}
	}
	e, err := table.NewEncoding(t, f.target, f.condition)
	if err != nil {
		return nil, nil, err
	}
	description.Encoding = *e
	fmt.Fprintln(c.ErrOrStderr(), t)
	var over, given []string
	for _, column := range e.Columns {
		over = append(over, column.Name)
	}
	for _, column := range e.Condition {
		given = append(given, column.Name)
	}
	fmt.Fprintf(c.ErrOrStderr(), "density over %s", some(over))
	if len(given) > 0 {
		fmt.Fprintf(c.ErrOrStderr(), " given %s", some(given))
	}
	fmt.Fprintln(c.ErrOrStderr())
	if len(o.Columns) == 0 && t.Dropped > 0 && len(over)+len(given) < len(t.Columns) {
		fmt.Fprintln(c.ErrOrStderr(), "rows are left out for missing cells in any column; name both --target and --condition to read no others")
	}
	return t.Split(description.Share, description.Seed)
}

// parsePairs divides each NAME=VALUE at its first equals sign.
func parsePairs(flag string, list []string) (map[string]string, error) {
	pairs := map[string]string{}
	for _, one := range list {
		name, value, found := strings.Cut(one, "=")
		if _, twice := pairs[name]; !found || name == "" || twice {
			return nil, usagef("%s %.80q: must be COLUMN=VALUE, each column once", flag, one)
		}
		pairs[name] = value
	}
	return pairs, nil
}

// some joins the first ten names.
func some(names []string) string {
	if len(names) > 10 {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:10], ", "), len(names)-10)
	}
	return strings.Join(names, ", ")
}

// fewRows warns of a table that is small for its columns.
func fewRows(c *cobra.Command, e *table.Encoding, rows int) {
	if least := 50 * (len(e.Columns) + e.Width()); rows < least {
		fmt.Fprintf(c.ErrOrStderr(), "%s to train on are few for %s: the flow may learn them by heart; --noise 0.1 and --weight-decay 1e-4 help against it\n",
			count(rows, "row"), count(len(e.Columns)+e.Width(), "encoded column"))
	}
}
