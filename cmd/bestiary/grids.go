package main

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// addGridFlags adds the flags of commands that write a grid.
func addGridFlags(c *cobra.Command, o *layout.Options) {
	c.Flags().IntVar(&o.Columns, "columns", 0, "pictures in a row of the grid (0: chosen automatically)")
	c.Flags().IntVar(&o.Scale, "scale", 0, "enlarge each pixel to a square of this many pixels a side (0: chosen automatically)")
}

// checkPNG refuses a file name with another ending before any work is done.
func checkPNG(out string) error { return checkPNGOf("--out", out) }

// checkPNGOf is checkPNG for the value of any flag.
func checkPNGOf(flag, out string) error {
	if ext := strings.ToLower(filepath.Ext(out)); ext != ".png" {
		return usagef("%s %s: pictures are written as PNG; use a name that ends in .png", flag, out)
	}
	return checkWritable(flag, out)
}

// checkWritable refuses a file that can't be written before any work is done.
func checkWritable(flag, file string) error {
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return fmt.Errorf("%s %s: there is no folder %s; make it first", flag, file, filepath.Dir(file))
	}
	return atomicfile.Check(file)
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

// writeGrid writes a grid to a file, and prints figures and the file's name.
func writeGrid(c *cobra.Command, out, figures string, o layout.Options, sections ...layout.Section) error {
	grid, err := layout.Grid(o, sections...)
	if err != nil {
		return err
	}
	if err := layout.SavePNG(out, grid); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s%s\n", figures, out)
	return err
}

// count is "1 picture" or "2 pictures".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
