package main

import (
	"time"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/ram"
	"github.com/spf13/cobra"
)

// leastMemory is the smallest --max-memory: the program itself needs some of it.
const leastMemory = 64 << 20

// limitFlags are flags of every command that bound what it takes, for those who run it on files of strangers.
type limitFlags struct {
	memory string
	limits data.Limits
}

// decodeLimits are the limits of pictures of the command that runs.
var decodeLimits data.Limits

// addLimitFlags adds the flags to the root command, and what checks and sets them before a command runs. Before that, it joins ranks.
func addLimitFlags(root *cobra.Command) {
	f := &limitFlags{}
	root.PersistentFlags().StringVar(&f.memory, "max-memory", "", "most memory to take, such as 4GB; a command that needs more ends with an error (default: what is free)")
	root.PersistentFlags().IntVar(&f.limits.Pixels, "max-pixels", 0, "largest picture to decode, in pixels; larger ones are left out (0: 50000000)")
	root.PersistentFlags().DurationVar(&f.limits.Time, "max-picture-time", 0, "longest time to decode a picture, such as 5s; slower ones are left out (0: no limit)")
	root.PersistentPreRunE = func(c *cobra.Command, arguments []string) error {
		if err := joinRanks(c, arguments); err != nil {
			return err
		}
		return f.set()
	}
}

func (f *limitFlags) set() error {
	bytes := int64(0)
	if f.memory != "" {
		var err error
		if bytes, err = parseBytes(f.memory); err != nil {
			return usagef("--max-memory: %w", err)
		}
		if bytes < leastMemory {
			return usagef("--max-memory %s: must be 64MB or more", f.memory)
		}
	}
	if f.limits.Pixels < 0 || f.limits.Pixels > data.MaxPixels {
		return usagef("--max-pixels %d: must be 1 to %d, or 0 for %d", f.limits.Pixels, data.MaxPixels, data.MaxPixels)
	}
	if f.limits.Time < 0 || f.limits.Time > 24*time.Hour {
		return usagef("--max-picture-time %v: must be up to 24h, or 0 for no limit", f.limits.Time)
	}
	ram.SetLimit(bytes)
	decodeLimits = f.limits
	return nil
}
