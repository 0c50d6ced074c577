package main

import (
	"fmt"
	"image"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/disintegration/imaging"
	"github.com/spf13/cobra"
)

// composeHelp is the part of a command's help about --compose.
const composeHelp = `
--compose puts the animals on backgrounds: on a picture, or on the pictures of a folder in turn, in the
order of their names, beginning with one that the seed chooses. A background is cut to the square at its
centre. The animal stands at the bottom in the middle; its longer side is --compose-scale of the square's,
and the square is so large that a picture that the animal fills keeps its size. --cutouts writes the
animals alone, as PNG files with a transparent background.

The Mask R-CNN of --segmenter says what is animal and what is not. Without it, a run that draws
transparency has the answer in its pictures, and of a run that was trained with --cutout, the plain
background is taken away. A picture in which no animal is found stays as it is drawn, and is named.`

// composeFlags are the flags of commands that put generated animals on backgrounds.
type composeFlags struct {
	background, segmenter, cutouts string
	scale                          float64
	photos                         []photo                 // of --compose
	squares                        map[string]*image.NRGBA // those that are used, by path
	detector                       *sample.Detector
}

func addComposeFlags(c *cobra.Command) *composeFlags {
	f := &composeFlags{}
	c.Flags().StringVar(&f.background, "compose", "", "put the animals on a background: a picture, or a folder of pictures")
	c.Flags().StringVar(&f.segmenter, "segmenter", "", "run of the Mask R-CNN that finds the animals for --compose and --cutouts (default: none, the plain background of a run trained with --cutout is taken away)")
	c.Flags().Float64Var(&f.scale, "compose-scale", 0.75, fmt.Sprintf("share of the background's side that the animal's longer side has, %v to 1", minScale))
	c.Flags().StringVar(&f.cutouts, "cutouts", "", "folder to write each animal to, as a PNG with a transparent background")
	return f
}

// minScale bounds the size of composed pictures, whose sides are 1/scale times those of what is drawn.
const minScale = 0.1

// wanted reports whether anything is cut out.
func (f *composeFlags) wanted() bool { return f.background != "" || f.cutouts != "" }

// check refuses wrong flags and cut-outs that would take the place of other files, and lists the backgrounds.
func (f *composeFlags) check(c *cobra.Command, files *pictureOutput) (err error) {
	if !(f.scale >= minScale && f.scale <= 1) {
		return usagef("--compose-scale %v: must be %v to 1", f.scale, minScale)
	}
	for _, name := range []string{"compose", "cutouts", "segmenter"} {
		if c.Flags().Changed(name) && c.Flags().Lookup(name).Value.String() == "" {
			return usagef("--%s: has no value; name a file or folder, or leave it out", name)
		}
	}
	switch {
	case f.segmenter != "" && !f.wanted():
		return usagef("--segmenter: needs --compose or --cutouts; leave it out")
	case f.background == "" && c.Flags().Changed("compose-scale"):
		return usagef("--compose-scale: needs --compose; leave it out")
	}
	if !leads(c) { // another machine may not have the files
		return nil
	}
	if f.cutouts != "" {
		if err := checkFolder("--cutouts", f.cutouts); err != nil {
			return err
		}
	}
	if f.background != "" {
		if f.photos, err = findPhotos([]string{f.background}); err != nil {
			return fmt.Errorf("--compose %w", err)
		}
	}
	return f.checkCutouts(files)
}

// checkCutouts refuses a folder of cut-outs that holds backgrounds or other pictures of the command, which have the same names.
func (f *composeFlags) checkCutouts(files *pictureOutput) error {
	if f.cutouts == "" {
		return nil
	}
	for _, in := range f.inputs() {
		if sameFile(filepath.Dir(in), f.cutouts) {
			return usagef("--cutouts %s: holds %s, which the command reads; choose another folder", f.cutouts, in)
		}
	}
	same := func(path string) bool {
		return absoluteRun(path) == absoluteRun(f.cutouts) || sameFile(path, f.cutouts)
	}
	numbered, err := filepath.Match("*[0-9][0-9][0-9][0-9].png", strings.ToLower(filepath.Base(files.out)))
	switch {
	case err != nil:
		return err
	case files.each != "" && same(files.each):
		return usagef("--cutouts %s: is also --each, whose files have the same names; choose another folder", f.cutouts)
	case files.grid() && (same(files.out) || numbered && same(filepath.Dir(files.out))):
		return usagef("--cutouts %s: cut-outs and --out %s could have the same name; choose another folder", f.cutouts, files.out)
	}
	return nil
}

// open opens the segmenter. trained is what the generator was trained on, with a number of channels.
func (f *composeFlags) open(c *cobra.Command, device *deviceFlags, trained data.Description, channels int) (err error) {
	if !f.wanted() {
		return nil
	}
	if f.segmenter == "" {
		if channels < 4 && trained.Cutout == "" {
			flag := "--cutouts"
			if f.background != "" {
				flag = "--compose"
			}
			return usagef("%s: needs --segmenter with the run of a Mask R-CNN, as this run was trained on pictures with their backgrounds", flag)
		}
		return nil
	}
	if wrongFamily(f.segmenter, detectorFamily) != nil {
		return fmt.Errorf("--segmenter %s: the run has no detector; name the run of a Mask R-CNN, as made by \"bestiary train maskrcnn\"", f.segmenter)
	}
	if f.detector, err = openDetector(c, f.segmenter, device); err != nil {
		return fmt.Errorf("--segmenter %s: %w", f.segmenter, remedied(c, err))
	}
	if !f.detector.Masks() {
		return fmt.Errorf("--segmenter %s: the run has a detector that finds boxes without masks; name the run of a Mask R-CNN, as made by \"bestiary train maskrcnn\"", f.segmenter)
	}
	return nil
}

// apply replaces pictures by compositions, and writes the cut-outs.
func (f *composeFlags) apply(c *cobra.Command, trained data.Description, seed uint64, made []madePicture) error {
	if !f.wanted() {
		return nil
	}
	animals, err := f.animals(c, trained, made)
	if err != nil || !leads(c) {
		return err
	}
	if f.cutouts != "" {
		if err := atomicfile.MkdirAll(f.cutouts); err != nil {
			return fmt.Errorf("--cutouts %s: can't be made (%w); choose a folder that you may write to", f.cutouts, err)
		}
	}
	var without []string
	for i := range made {
		p := &made[i]
		if animals[i] == nil {
			without = append(without, p.name)
		} else if f.cutouts != "" {
			p.Cutout = filepath.Join(f.cutouts, p.name+".png")
			if err := layout.SavePNG(p.Cutout, animals[i]); err != nil {
				return err
			}
		}
		if f.background == "" {
			continue
		}
		side := f.side(p.image.Rect.Dx())
		if animals[i] == nil {
			p.image = imaging.Resize(p.image, side, side, imaging.Lanczos)
			continue
		}
		under, path, err := f.under(i, seed, side)
		if err != nil {
			return err
		}
		if p.image, err = layout.Compose(under, animals[i], f.scale); err != nil {
			return err
		}
		p.Background = path
	}
	if len(without) > 0 {
		fmt.Fprintln(c.ErrOrStderr(), data.Note("pictures in which no animal is found, left as they are drawn", without, 5))
	}
	return nil
}

// animals cuts the animals out of pictures; nil where there is none.
func (f *composeFlags) animals(c *cobra.Command, trained data.Description, made []madePicture) ([]*image.NRGBA, error) {
	opacities := make([]*image.Alpha, len(made))
	if f.detector == nil {
		for i, p := range made {
			opacities[i] = layout.Opacity(p.image, data.Cutout(trained.Cutout).Background())
		}
	} else {
		find := f.detector.Subjects()
		for lo := 0; lo < len(made); lo += photoBatch {
			batch := made[lo:min(lo+photoBatch, len(made))]
			pictures := make([]image.Image, len(batch))
			for i, p := range batch {
				pictures[i] = p.image
			}
			found, err := find(c.Context(), pictures)
			if err != nil {
				return nil, err
			}
			for i, s := range found {
				if s.Mask != nil {
					opacities[lo+i] = s.Mask.Alpha(batch[i].image.Rect.Dx(), batch[i].image.Rect.Dy())
				}
			}
		}
	}
	animals := make([]*image.NRGBA, len(made))
	for i, opacity := range opacities {
		if opacity == nil {
			continue
		}
		var err error
		if animals[i], err = layout.CutOut(made[i].image, opacity); err != nil {
			return nil, err
		}
	}
	return animals, nil
}
