package main

import (
	"context"
	"fmt"
	"image"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/spf13/cobra"
)

// subjectScore is the least score of a subject that pictures are cut around.
const subjectScore = 0.5

// subjects returns what finds the subjects of pictures for --resize detector:RUN: the detection with the highest score.
func (f *dataFlags) subjects(c *cobra.Command, run string) (data.Subjects, error) {
	if f.device == nil {
		return nil, fmt.Errorf("%s: pictures of this run are cut around what the detector %s finds, which %s doesn't compute; cut them with \"bestiary crop\" first", f.path, run, c.CommandPath())
	}
	d, err := openDetector(c, run, f.device)
	if err != nil {
		return nil, fmt.Errorf("--resize %s: %w", f.resize, remedied(c, err))
	}
	return func(ctx context.Context, pictures []image.Image) ([]data.Box, error) {
		images := make([]*boxes.Image, len(pictures))
		for i, m := range pictures {
			images[i] = boxes.NewImage(m)
		}
		found, err := d.Detect(ctx, images)
		if err != nil {
			return nil, err
		}
		all := make([]data.Box, len(found))
		for i, own := range found {
			if len(own) > 0 && own[0].Score >= subjectScore {
				x, y, width, height := own[0].Box.Size()
				all[i] = data.Box{X: x, Y: y, Width: width, Height: height}
			}
		}
		return all, nil
	}, nil
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
