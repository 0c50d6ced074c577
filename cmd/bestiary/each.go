package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample"
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

// madePicture is a picture with its name, without an ending, and what is known of it. The tags are the form of --json.
type madePicture struct {
	image *image.NRGBA
	name  string

	File       string   `json:"file,omitempty"`   // of --each
	Class      string   `json:"class,omitempty"`  // of a flow
	Prompt     string   `json:"prompt,omitempty"` // of a generator
	Source     string   `json:"source,omitempty"` // the picture that was reconstructed
	Index      int      `json:"index"`            // among the pictures of the class or prompt, from 0
	LogDensity *float64 `json:"log_density,omitempty"`
	Score      *float64 `json:"score,omitempty"`
	PSNR       *float64 `json:"psnr,omitempty"`
	Rows       int      `json:"rows,omitempty"` // of Codes
	Codes      []int32  `json:"codes,omitempty"`
}

// known returns a figure for JSON: nil if it isn't a finite number.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// outputReport is what --json prints.
type outputReport struct {
	Run      string        `json:"run"`
	Grid     string        `json:"grid,omitempty"`
	Pictures []madePicture `json:"pictures"`
}

// write writes pictures. grid makes the picture of --out; figures are lines for a reader.
func (o *pictureOutput) write(run, figures string, made []madePicture, grid func() (*image.NRGBA, error)) error {
	if o.each == standard && len(made) != 1 {
		return usagef("--each -: the standard output takes one picture, and there are %d; name a folder", len(made))
	}
	if !leads(o.command) {
		return nil
	}
	if err := o.writeEach(made); err != nil {
		return err
	}
	report := outputReport{Run: run, Pictures: made}
	if o.grid() {
		img, err := grid()
		if err != nil {
			return err
		}
		if o.out == standard {
			err = layout.Encode(o.command.OutOrStdout(), img, o.pictureFormat())
		} else {
			report.Grid = o.out
			err = layout.SavePNG(o.out, img)
		}
		if err != nil {
			return err
		}
	}
	return o.print(report, figures)
}

// print prints what was written: JSON, or figures and names. Where stdout is a picture, they go to stderr.
func (o *pictureOutput) print(report outputReport, figures string) error {
	if o.json {
		return json.NewEncoder(o.command.OutOrStdout()).Encode(report)
	}
	to := o.command.OutOrStdout()
	if o.each == standard || o.grid() && o.out == standard {
		to = o.command.ErrOrStderr()
	}
	if o.each != "" && o.each != standard {
		figures += fmt.Sprintf("%s: %s\n", o.each, count(len(report.Pictures), "picture"))
	}
	if report.Grid != "" {
		figures += report.Grid + "\n"
	}
	_, err := io.WriteString(to, figures)
	return err
}

// writeEach writes the pictures of --each and notes their files.
func (o *pictureOutput) writeEach(made []madePicture) error {
	switch o.each {
	case "":
		return nil
	case standard:
		return layout.Encode(o.command.OutOrStdout(), made[0].image, o.pictureFormat())
	}
	if err := atomicfile.MkdirAll(o.each); err != nil {
		return fmt.Errorf("--each %s: can't be made (%w); choose a folder that you may write to", o.each, err)
	}
	for i := range made {
		made[i].File = filepath.Join(o.each, made[i].name+o.pictureFormat().Ext())
		if err := layout.Save(made[i].File, made[i].image, o.pictureFormat()); err != nil {
			return err
		}
	}
	return nil
}

// gridOf returns what makes a grid, for write.
func gridOf(o layout.Options, sections ...layout.Section) func() (*image.NRGBA, error) {
	return func() (*image.NRGBA, error) { return layout.Grid(o, sections...) }
}

// slug returns the beginning of a text as a part of a file's name: letters and digits, with hyphens between words.
func slug(text string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(text) {
		switch {
		case b.Len() >= 40:
			return b.String()
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			gap = false
		default:
			gap = true
		}
	}
	return b.String()
}

// made returns the pictures of prompts as they are written.
func (g *generateFlags) made(grid int, prompts []string, pictures []sample.Generated) []madePicture {
	all := make([]madePicture, len(pictures))
	for i, p := range pictures {
		n := i / max(1, g.options.N)
		name := fmt.Sprintf("%04d", p.Index+1)
		if words := slug(prompts[n]); words != "" {
			name = words + "-" + name
		}
		if len(prompts) > 1 {
			name = fmt.Sprintf("%04d-%s", n+1, name)
		}
		all[i] = madePicture{image: p.Image, name: name, Prompt: p.Prompt, Index: p.Index, Score: known(p.Score), Codes: p.Codes}
		if p.Codes != nil {
			all[i].Rows = grid
		}
	}
	return all
}
