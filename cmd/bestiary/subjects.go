package main

import (
	"fmt"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/spf13/cobra"
)

// subjects returns what finds the subjects of pictures for --resize detector:RUN.
func (f *dataFlags) subjects(c *cobra.Command, run string) (data.Subjects, error) {
	if f.device == nil {
		return nil, fmt.Errorf("%s: pictures of this run are cut around what the detector %s finds, which %s doesn't compute; cut them with \"bestiary crop\" first", f.path, run, c.CommandPath())
	}
	d, err := openDetector(c, run, f.device)
	if err != nil {
		return nil, fmt.Errorf("--resize %s: %w", f.resize, remedied(c, err))
	}
	return d.Subjects(), nil
}

// absoluteDetector makes the run in a --resize detector:RUN absolute, so that it is found again from another folder.
func absoluteDetector(resize string) string {
	run := data.Resize(resize).Run()
	if run == "" || filepath.IsAbs(run) {
		return resize
	}
	absolute, err := filepath.Abs(run)
	if err != nil {
		return resize
	}
	prefix := string(data.DetectedBy) + ":"
	return prefix + absolute + resize[len(prefix)+len(run):]
}
