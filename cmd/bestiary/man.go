package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan is the command that writes the manual pages of packages. The help doesn't list it.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man FOLDER",
		Short:  "Write the manual pages of all commands to a folder",
		Hidden: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("man takes one folder; see %s --help", c.CommandPath())
			}
			if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
				return fmt.Errorf("%s: there is no such folder; make it first", args[0])
			}
			root := c.Root()
			root.DisableAutoGenTag = true // the same pages every time
			return doc.GenManTree(root, &doc.GenManHeader{Title: "BESTIARY", Section: "1", Source: "Bestiary", Manual: "Bestiary"}, args[0])
		},
	}
}
