package main

import (
	"fmt"
	"slices"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/spf13/cobra"
)

// changesUnder warns that a model of the run, which is about to be trained, has another one that depends on it.
func (f *trainFlags) changesUnder(c *cobra.Command) {
	r, err := runfolder.Open(f.run)
	if err != nil { // there is no run yet
		return
	}
	for _, other := range models.All() {
		if slices.Contains(other.Needs, f.kind.Name) && r.HasWeights(other.Name) {
			fmt.Fprintf(c.ErrOrStderr(), "the run's %s depends on this %s as it is now; once it has changed, delete %s and %s and train the %s again\n",
				other.Name, f.kind.Name, r.WeightsPath(other.Name), r.StatePath(other.Name), other.Name)
		}
	}
}

// keepData is keepModel for flags of the data, which imported weights don't keep.
func (f *trainFlags) keepData(c *cobra.Command, flags ...string) error {
	if f.fresh {
		return nil
	}
	return keepModel(c, flags...)
}

// keepModel returns an error if a flag is given that can't be changed when a training is resumed.
func keepModel(c *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if keeper := "resume"; c.Flags().Changed(name) {
			if fromFlag(c) != "" {
				keeper = "from"
			}
			return usagef("--%s: belongs to the model or its data, which --%s keeps; leave it out, or start a new run", name, keeper)
		}
	}
	return nil
}
