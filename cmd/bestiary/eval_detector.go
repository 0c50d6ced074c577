package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// detections measures a detector.
func (f *evalFlags) detections(c *cobra.Command) error {
	for _, name := range []string{"no-cache", "generated", "model", "classifier", "detector", "inception", "clip", "samples", "seed", "temperature", "guidance",
		"steps", "solver", "guidance-from", "guidance-to", "beside", "copies", "pairs"} {
		if c.Flags().Changed(name) {
			return usagef("--%s: belongs to runs of other models, and %s has a detector; leave it out", name, f.run)
		}
	}
	if c.Flags().Changed("min-score") && f.mistakes == "" {
		return usagef("--min-score: of a detector's run, chooses the detections of --mistakes; give it, or leave this out")
	}
	d, err := openDetector(c, f.run, f.device)
	if err != nil {
		return err
	}
	s, err := f.boxes(c, d, d.Masks())
	var wrong *fault.FieldError
	if errors.As(err, &wrong) && wrong.Field == "Masks" {
		fmt.Fprintf(c.ErrOrStderr(), "the pictures have no masks, so boxes alone are measured\n")
		s, err = f.boxes(c, d, false)
	}
	if err == nil {
		err = sameData(c, cmp.Or(f.pictures.path, f.run), func() string { return tasks.FingerprintBoxes(s) })
	}
	if err != nil {
		return err
	}
	fmt.Fprint(c.ErrOrStderr(), s.String())
	bar := newBar(c.ErrOrStderr(), "detecting objects")
	found, err := eval.DetectSet(c.Context(), d, s, bar.update)
	bar.finish()
	if err != nil {
		return err
	}
	for _, p := range found.LeftOut {
		fmt.Fprintf(c.ErrOrStderr(), "left out: %s\n", p.Reason)
	}
	figures, err := found.Figures()
	if err != nil {
		return err
	}
	if leads(c) {
		if err := f.writeDetections(c, d, found, figures); err != nil {
			return err
		}
	}
	fmt.Fprint(c.ErrOrStderr(), figures.String())
	return printFigures(c, f.run, figures)
}

// writeDetections writes the files that the flags ask for.
func (f *evalFlags) writeDetections(c *cobra.Command, d *sample.Detector, found *eval.Detected, figures *eval.DetectorFigures) error {
	if f.plot != "" {
		if err := figures.Plot(f.plot); err != nil {
			return err
		}
	}
	if f.mistakes != "" {
		n, err := saveMistakes(f.mistakes, found, f.least)
		if err != nil {
			return err
		}
		if n == 0 {
			fmt.Fprintf(c.ErrOrStderr(), "--mistakes %s: there is no mistake at score %v, so nothing is written\n", f.mistakes, f.least)
		}
	}
	if f.results == "" {
		return nil
	}
	ids := found.Set.IDs
	if ids == nil {
		ids = d.IDs()
	}
	var all []detection.Result
	for i, p := range found.Set.Pictures {
		all = append(all, detection.Results(p.ID, ids, found.Pictures[i].Detections)...)
	}
	return atomicfile.Write(f.results, func(w io.Writer) error { return detection.WriteResults(w, all) })
}

// boxes opens the pictures to measure a detector on, with or without masks: those of --data, or else those of its run. Without --split it is the split
// test. A dataset without splits is measured as a whole, or, if the detector was trained on it, the pictures that the training
// held out.
func (f *evalFlags) boxes(c *cobra.Command, d *sample.Detector, masks bool) (*boxes.Set, error) {
	trained, there := d.Dataset()
	path := f.pictures.path
	if path == "" {
		if !there {
			return nil, usagef("--data is missing: %s was not trained here; name a dataset with boxes", f.run)
		}
		path = trained.Locate()
	}
	own := there && (f.pictures.path == "" || samePath(data.Description{Path: path, From: data.GivenIn(path)}, data.Description{Path: trained.Path, From: trained.From}))
	o := boxes.Options{Classes: d.Classes()}
	if there && trained.As != "" {
		o.Classes, o.As = trained.Of, trained.As
	}
	if own {
		o = trained.Options(d.Classes())
	}
	o.Limits, o.Masks = decodeLimits, masks
	if split := f.pictures.split; c.Flags().Changed("split") {
		if o.Split = data.Split(split); own && !disjoint(split, trained.Split) {
			fmt.Fprintf(c.ErrOrStderr(), "the run was trained on some of these pictures, so not all are new to it\n")
		}
		return boxes.Open(path, o)
	}
	before := o.Split
	if !own || before == data.Trainval {
		o.Split = data.Test
		if s, err := boxes.Open(path, o); !boxes.NoSplit(err) {
			return s, err
		}
		o.Split = before
	}
	s, err := boxes.Open(path, o)
	if err != nil || !own {
		return s, err
	}
	if _, heldOut := tasks.HoldOutBoxes(s, trained.Share); len(heldOut.Pictures) > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "measuring the %s that the training held out\n", count(len(heldOut.Pictures), "picture"))
		return heldOut, nil
	}
	fmt.Fprintln(c.ErrOrStderr(), "the run was trained on these pictures, so they aren't new to it")
	return s, nil
}
