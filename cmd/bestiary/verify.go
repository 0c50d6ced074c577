package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
)

func newVerify() *cobra.Command {
	var accept bool
	c := &cobra.Command{
		Use:   "verify RUN",
		Short: "Check every file of a run folder",
		Long: `Read every file of a run folder and compare it with what was saved last. Each problem is a line: what
is damaged, or what is lost. The exit code is 1 if there is one.

A change that was made on purpose, such as an edited config.json or a file of weights from elsewhere,
is accepted with --accept: from then on, the files as they are count as saved. The models and the
tokenizer are opened first; nothing is accepted if one of them can't be.`,
		Example: `  bestiary verify runs/birds
  bestiary verify --accept runs/birds`,
	}
	c.Flags().BoolVar(&accept, "accept", false, "make the files as they are the saved ones")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("verify takes one run folder; see %s --help", c.CommandPath())
		}
		dir := args[0]
		if accept {
			changed, err := train.Accept(dir)
			if err != nil {
				return err
			}
			what := "nothing has changed"
			if len(changed) > 0 {
				what = "accepted " + strings.Join(changed, ", ")
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", dir, what)
			return err
		}
		found, err := train.Verify(dir)
		if err != nil {
			return err
		}
		for _, line := range append(found.Problems, found.Notes...) {
			fmt.Fprintln(c.OutOrStdout(), verified.Replace(line))
		}
		if n := len(found.Problems); n > 0 {
			return fmt.Errorf("%s: %s found", dir, count(n, "problem"))
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s: whole (%s read, generation %d)\n", dir, count(found.Files, "file"), found.Generation)
		return err
	}
	return c
}

// acceptable adds the remedy on the command line to an error about a changed file.
func acceptable(text string, err error) string {
	var changed interface{ RunFolder() string }
	if !errors.As(err, &changed) {
		return text
	}
	return strings.Replace(text, "accept the files as they are", fmt.Sprintf("accept the change with \"bestiary verify --accept %s\"", changed.RunFolder()), 1)
}

// verified names the flags in what a verification finds.
var verified = strings.NewReplacer(
	"accept the files as they are", "accept them as they are with --accept",
	"resume the training,", "resume the training with --resume,",
	"and resume:", "and train with --resume:",
)
