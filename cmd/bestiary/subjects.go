package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// addCutoutFlag adds the flag that takes the background of pictures away.
func (f *dataFlags) addCutoutFlag(c *cobra.Command) {
	c.Flags().StringVar(&f.cutout, "cutout", "", "take the background away: RUN[:COLOUR]. The Mask R-CNN of the run finds the animal in what --resize leaves of a picture; what is around it becomes white (the default), black or grey, with four channels transparent. Pictures in which nothing is found are left out and named")
}

// addSubjects adds what finds the subjects of pictures for --resize detector:RUN, and their masks for --cutout. A run that both name is
// opened once.
func (f *dataFlags) addSubjects(c *cobra.Command, o *data.Options) error {
	detector, segmenter := o.Resize.Run(), o.Cutout.Run()
	if detector != "" && detector != segmenter {
		d, err := f.openSubjects(c, "--resize "+f.resize, detector)
		if err != nil {
			return err
		}
		o.Subjects = d.Subjects()
	}
	if segmenter == "" {
		return nil
	}
	d, err := f.openSubjects(c, "--cutout "+f.cutout, segmenter)
	if err != nil {
		return err
	}
	if !d.Masks() {
		return fmt.Errorf("--cutout %s: the run has a detector that finds boxes without masks; name the run of a Mask R-CNN, as made by \"bestiary train maskrcnn\"", f.cutout)
	}
	o.Segmenter = d.Subjects()
	return nil
}

// openSubjects opens the detector of a run that a flag names.
func (f *dataFlags) openSubjects(c *cobra.Command, flag, run string) (*sample.Detector, error) {
	if f.device == nil {
		return nil, fmt.Errorf("%s: pictures of this run are cut out by what the detector %s finds, which %s doesn't compute; cut them out with \"bestiary crop\" or \"bestiary segment\" first", f.path, run, c.CommandPath())
	}
	if _, err := os.Stat(run); errors.Is(err, fs.ErrNotExist) {
		i := strings.LastIndexByte(run, ':')
		name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), " ")
		switch {
		case !c.Flags().Changed(name):
			return nil, fmt.Errorf("%s: there is no %s, by which the pictures of this run are cut out; move the run of the detector back there", flag, run)
		case i > 0 && name == "cutout" && isFolder(run[:i]):
			return nil, usagef("%s: %q is no colour of a background; use white, black or grey", flag, run[i+1:])
		}
	}
	if wrongFamily(run, detectorFamily) != nil {
		return nil, fmt.Errorf("%s: %s has no detector; name the run of a Mask R-CNN, as made by \"bestiary train maskrcnn\"", flag, run)
	}
	d, err := openDetector(c, run, f.device)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, remedied(c, err))
	}
	return d, nil
}

// isFolder reports whether a path leads to a folder.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// absoluteDetector makes the run in a --resize detector:RUN absolute, so that it is found again from another folder.
func absoluteDetector(resize string) string {
	run := data.Resize(resize).Run()
	prefix := string(data.DetectedBy) + ":"
	if run == "" {
		return resize
	}
	return prefix + absoluteRun(run) + resize[len(prefix)+len(run):]
}

// absoluteSegmenter makes the run in a --cutout absolute.
func absoluteSegmenter(cutout string) string {
	run := data.Cutout(cutout).Run()
	if run == "" {
		return cutout
	}
	return absoluteRun(run) + cutout[len(run):]
}

// absoluteRun makes the path of a run absolute and clean, so that two names of one folder are the same.
func absoluteRun(run string) string {
	absolute, err := filepath.Abs(run)
	if err != nil {
		return run
	}
	return absolute
}
