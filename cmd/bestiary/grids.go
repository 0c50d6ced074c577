package main

import (
	"errors"
	"fmt"
	"image"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// addGridFlags adds the flags of commands that write a grid.
func addGridFlags(c *cobra.Command, o *layout.Options) {
	c.Flags().IntVar(&o.Columns, "columns", 0, "pictures in a row of the grid (0: chosen automatically)")
	c.Flags().IntVar(&o.Scale, "scale", 0, "enlarge each pixel to a square of this many pixels a side (0: chosen automatically)")
}

// checkGrid refuses a grid of square pictures that is too large before the pictures are made.
func checkGrid(out string, o layout.Options, size int, counts ...int) error {
	err := o.Check(image.Pt(size, size), counts...)
	var wrong *fault.FieldError
	if errors.As(err, &wrong) && wrong.Field == "Images" {
		return usagef("--out %s: %s", out, strings.NewReplacer("Columns", "--columns", "Scale", "--scale").Replace(wrong.Want))
	}
	return err
}

// count is "1 picture" or "2 pictures".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
