package main

import (
	"strings"

	"github.com/bestiary-ml/bestiary/bench/tables"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newBenchTables() *cobra.Command {
	var o tables.Options
	c := &cobra.Command{
		Use:   "tables",
		Short: "Measure how well flows learn toys with known entropy and published tables",
		Long: `Train flows on tables and measure the log-likelihood of rows that they haven't seen.

  toy/NAME/ARCHITECTURE  8gaussians, checkerboard, rings, moons, spirals, and mixtures in 2, 8, 16 and 64
                         columns, whose entropy is known: the gap to it is the flow's divergence, in
                         nats. In two columns, the density is integrated over a grid, too
  uci/NAME               with --data: the conditional density of a target, mean test log-likelihood over
                         the published splits, beside published figures. One setting serves all
                         tables: five small flows, whose densities are averaged, each stopped early
                         by another tenth of the training rows
  maf/NAME/ARCHITECTURE  with --data: power, gas, hepmass, miniboone and BSDS300, prepared as in the
                         code of MAF (Papamakarios et al., 2017), if these folders are there
  digits/ARCHITECTURE    with --digits: scikit-learn's digits
  pets/ARCHITECTURE      with --run: the embeddings of a run's autoencoder given the class, by realnvp,
                         nsf, maf and tarflow with the defaults of train flow: nats per dimension of
                         the test split, or of the held-out pictures

docs/tables.md says which files the folders hold.`,
		Example: `  bestiary bench tables --only toy/8gaussians
  bestiary bench tables --only toy --architectures nsf --steps 3000 --json
  bestiary bench tables --only uci --data uci --results uci.jsonl
  bestiary bench tables --only pets --run runs/pets
  bestiary bench tables --only uci/yacht --data uci --splits 5`,
		Args: noArguments,
	}
	device := addDeviceFlags(c)
	c.Flags().StringArrayVar(&o.Only, "only", nil, "what to measure: a name or the beginning of one up to a slash (repeatable; default: all)")
	c.Flags().StringSliceVar(&o.Architectures, "architectures", nil, "of toys, digits and the tables of MAF, some of "+strings.Join(tasks.Architectures, ", ")+" (default nsf,maf,realnvp)")
	c.Flags().IntVar(&o.Steps, "steps", 0, "steps of a training (0: 3000, for UCI's tables 2000 to 8000 by their rows, and 4000 for embeddings)")
	c.Flags().IntVar(&o.Splits, "splits", 0, "splits of each UCI table, at most (0: 20)")
	c.Flags().StringVar(&o.Data, "data", "", "folder with folders of tables")
	c.Flags().StringVar(&o.Digits, "digits", "", "table of scikit-learn's digits")
	c.Flags().StringVar(&o.Run, "run", "", "run folder with a trained autoencoder, whose embeddings are learned")
	c.Flags().StringVar(&o.Results, "results", "", "file that keeps each result and each split as soon as it is measured; what it has is not measured again")
	c.Flags().BoolVar(&o.JSON, "json", false, "print a JSON object for each result")
	c.RunE = func(c *cobra.Command, _ []string) error {
		d, err := device.open()
		if err != nil {
			return err
		}
		o.Progress = c.ErrOrStderr()
		return tables.Run(c.Context(), d, o, c.OutOrStdout())
	}
	return c
}
