package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// standard is the name of the standard output.
const standard = "-"

// pictureOutput says where made pictures go: a labelled grid (--out), unlabelled files (--each), figures as JSON (--json).
type pictureOutput struct {
	command           *cobra.Command
	out, each, format string
	json              bool
}

// addOutputFlags adds the flags. The default of --out is the name of the grid.
func addOutputFlags(c *cobra.Command, out, usage string) *pictureOutput {
	o := &pictureOutput{command: c}
	c.Flags().StringVar(&o.out, "out", out, usage+"; - is the standard output")
	c.Flags().StringVar(&o.each, "each", "", "folder to write each picture to, unlabelled, as a file of its own; - is the standard output for a single picture (default: a grid only)")
	c.Flags().StringVar(&o.format, "format", "", "format of --each and of --out -: png, jpeg or webp (default png)")
	c.Flags().BoolVar(&o.json, "json", false, "print files, densities, scores and codes as JSON")
	return o
}

// grid reports whether a grid is written: not with --each alone.
func (o *pictureOutput) grid() bool { return o.each == "" || o.command.Flags().Changed("out") }

// pictureFormat returns the value of --format.
func (o *pictureOutput) pictureFormat() layout.Format { return layout.Format(o.format) }

// check refuses wrong values, files that can't be written, and files that are inputs. It writes nothing.
func (o *pictureOutput) check(inputs ...string) error {
	if err := o.pictureFormat().Validate(); err != nil {
		return err
	}
	switch {
	case o.format != "" && o.each == "" && o.out != standard:
		return usagef("--format %s: is the format of --each and of --out -; give one of them, or leave this out (a grid in a file is a PNG)", o.format)
	case o.out == standard && o.each == standard && o.grid():
		return usagef("--each - and --out -: both write to the standard output; leave one of them out")
	case (o.grid() && o.out == standard || o.each == standard) && o.json:
		return usagef("--json: prints to the standard output, as the picture does; name a file or a folder for the picture")
	case o.grid() && o.out == standard || o.each == standard:
		if f, ok := o.command.OutOrStdout().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return usagef("--out -: the standard output is a terminal; redirect it to a file or a program")
		}
	}
	if !leads(o.command) { // another machine may not have the folders
		return nil
	}
	if o.each != "" && o.each != standard {
		if err := checkFolder("--each", o.each); err != nil {
			return err
		}
		for _, in := range inputs {
			if in != "" && sameFile(filepath.Dir(in), o.each) {
				return usagef("--each %s: holds %s, which the command reads; choose another folder", o.each, in)
			}
		}
	}
	if !o.grid() || o.out == standard {
		return nil
	}
	if strings.EqualFold(filepath.Ext(o.out), ".gif") && o.command.Name() == "interpolate" {
		return checkPicture("--out", o.out, inputs...)
	}
	return checkPNG(o.out, inputs...)
}

// checkFolder refuses a folder that is a file, or whose parent isn't there.
func checkFolder(flag, dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s %s: is a file; name a folder", flag, dir)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %s: can't be read (%w); choose another folder", flag, dir, errors.Unwrap(err))
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return fmt.Errorf("%s %s: there is no folder %s; make it first", flag, dir, parent)
	}
	return nil
}

// checkGrid is [checkGrid] if there is a grid.
func (o *pictureOutput) checkGrid(grid layout.Options, size int, counts ...int) error {
	if o.grid() {
		return checkGrid(o.out, grid, size, counts...)
	}
	return nil
}
