package main

import (
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/spf13/cobra"
)

// growFlag makes augmentation grow.
const growFlag = "grow-augmentation"

// rangeFlags are the flags of what grows, with the values that switch it on.
var rangeFlags = []struct{ name, on string }{{"zoom", "below 1"}, {"crop", "below 1"}, {"colour", "above 0"}}

// addGrowFlag adds --grow-augmentation to a training that has flags of augmentation.
func addGrowFlag(c *cobra.Command, grow *bool) {
	var names []string
	for _, f := range rangeFlags {
		if c.Flags().Lookup(f.name) != nil {
			names = append(names, "--"+f.name)
		}
	}
	verb := " begins"
	if len(names) > 1 {
		verb = " begin"
	}
	c.Flags().BoolVar(grow, growFlag, *grow, strings.Join(names, " and ")+verb+" with strength 0, which rises by 0.1, up to 1, after each evaluation whose held-out loss is above its lowest and more than a tenth above that of training pictures, and falls by 0.05 after others")
}

// checkGrowFlag returns an error if nothing would grow.
func checkGrowFlag(c *cobra.Command, grow bool, augment data.Augment) error {
	if !grow || augment.Scales() {
		return nil
	}
	var needs []string
	for _, f := range rangeFlags {
		if c.Flags().Lookup(f.name) != nil {
			needs = append(needs, "--"+f.name+" "+f.on)
		}
	}
	return usagef("--%s: has nothing to grow; give %s, or leave it out", growFlag, strings.Join(needs, " or "))
}
