package main

import (
	"encoding/json"
	"fmt"
	"image"
	"io"
	"math"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample/layout"
)

// madePicture is a picture with its name, without an ending, and what is known of it. The tags are the form of --json.
type madePicture struct {
	image *image.NRGBA
	name  string

	File       string   `json:"file,omitempty"`       // of --each
	Cutout     string   `json:"cutout,omitempty"`     // of --cutouts
	Background string   `json:"background,omitempty"` // of --compose
	Class      string   `json:"class,omitempty"`      // of a flow
	Prompt     string   `json:"prompt,omitempty"`     // of a generator
	Source     string   `json:"source,omitempty"`     // the picture that was reconstructed
	Index      int      `json:"index"`                // among the pictures of the class or prompt, from 0
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
