package main

import (
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

func newSegment() *cobra.Command {
	f := &detectFlags{masks: true}
	c := &cobra.Command{
		Use:   "segment PICTURE|FOLDER ...",
		Short: "Find objects in pictures and their masks by a run's Mask R-CNN, and draw or cut them out",
		Long: `Find the objects in pictures, and which pixels each of them covers, with the Mask R-CNN of a run. The
pictures are files, or folders with pictures at any depth. --out gets each picture with the masks, boxes
and labels of --min-score or more drawn on it, and:

  results.json  all detections in COCO's result form: image_id, category_id, bbox, score, and the mask as
                segmentation, run-length encoded. They are in pixels of the upright picture: an
                orientation in Exif data is applied
  images.json   the pictures and classes of these ids, in COCO's form. pycocotools reads both
  cutouts/      with --cutouts: each object that is drawn as a PNG of its own, with a transparent background

Pictures that can't be decoded are left out, named and counted.

` + engineHelp,
		Example: `  bestiary segment --run runs/masks photos/ --out found
  bestiary segment --run runs/masks cat.jpg dog.jpg --min-score 0.7 --cutouts --out found`,
	}
	addRunFlag(c, &f.run)
	c.Flags().StringVar(&f.out, "out", "found", "new folder to write")
	addMinScore(c, &f.least, "least score of the objects that are drawn, cut out and counted")
	c.Flags().StringVar(&f.format, "format", "", "format of the pictures: png, jpeg or webp (default png)")
	c.Flags().BoolVar(&f.cutouts, "cutouts", false, "also write each object as a PNG with a transparent background")
	f.device = addDeviceFlags(c)
	f.engine.add(c)
	c.RunE = f.find
	return c
}

// drawMasks draws the masks of detections of a least score, the highest score last.
func drawMasks(img *image.NRGBA, found []detect.Detection, least float64) error {
	for _, o := range slices.Backward(found) {
		if o.Score >= least {
			if err := layout.DrawMask(img, *o.Mask, layout.ClassColour(o.Class)); err != nil {
				return err
			}
		}
	}
	return nil
}

// saveCutouts writes what the masks of detections of a least score cover, as PNG files with a transparent background. A mask that covers
// nothing has no file.
func saveCutouts(names *outputNames, name string, img *image.NRGBA, found []detect.Detection, least float64) error {
	for _, o := range found {
		if o.Score < least || o.Mask.Area() == 0 {
			continue
		}
		file, err := names.next(name, ".png")
		if err != nil {
			return err
		}
		width, height := o.Mask.Size()
		opacity := image.NewAlpha(image.Rect(0, 0, width, height))
		for i, covered := range o.Mask.Pixels() {
			opacity.Pix[i] = 255 * covered
		}
		part, err := layout.CutOut(img, opacity)
		if err != nil {
			return err
		}
		if err := layout.SavePNG(file, part); err != nil {
			return err
		}
	}
	return nil
}
