package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// detectFlags are the flags of detect.
type detectFlags struct {
	run, out, format string
	least            float64
	device           *deviceFlags
	engine           engineFlags

	masks   bool // of segment: draws masks, too
	cutouts bool // likewise: writes what masks cover
}

func newDetect() *cobra.Command {
	f := &detectFlags{}
	c := &cobra.Command{
		Use:   "detect PICTURE|FOLDER ...",
		Short: "Find objects in pictures by a run's detector, and draw their boxes",
		Long: `Find the objects in pictures with the detector of a run. The pictures are files, or folders with
pictures at any depth. --out gets each picture with the boxes of --min-score or more drawn on it, and:

  results.json  all detections in COCO's result form: image_id, category_id, bbox and score. The boxes
                are in pixels of the upright picture: an orientation in Exif data is applied
  images.json   the pictures and classes of these ids, in COCO's form. pycocotools reads both

Pictures that can't be decoded are left out, named and counted.

` + engineHelp,
		Example: `  bestiary detect --run runs/ssd photos/ --out found
  bestiary detect --run runs/ssd cat.jpg dog.jpg --min-score 0.3 --out found
  bestiary detect --run runs/ssd photos/ --engine onnxruntime --onnx ssd.detect.onnx --out found`,
	}
	addRunFlag(c, &f.run)
	c.Flags().StringVar(&f.out, "out", "found", "new folder to write")
	addMinScore(c, &f.least, "least score of the boxes that are drawn and counted")
	c.Flags().StringVar(&f.format, "format", "", "format of the pictures: png, jpeg or webp (default png)")
	f.device = addDeviceFlags(c)
	f.engine.add(c)
	c.RunE = f.find
	return c
}

// find opens the detector and finds the objects in the pictures of the arguments.
func (f *detectFlags) find(c *cobra.Command, arguments []string) error {
	if err := f.check(arguments); err != nil {
		return err
	}
	photos, err := findPhotos(arguments)
	if err != nil {
		return err
	}
	d, err := f.engine.open(c, f.run, f.device)
	if err != nil {
		return err
	}
	defer d.Close()
	if f.masks && !d.Masks() {
		return fmt.Errorf("%s: has a detector that finds boxes only; use \"bestiary detect --run %s PICTURES\", or train a Mask R-CNN with \"bestiary train maskrcnn\"", f.run, f.run)
	}
	return f.detect(c, d, photos)
}

// addMinScore adds --min-score.
func addMinScore(c *cobra.Command, into *float64, usage string) {
	c.Flags().Float64Var(into, "min-score", 0.5, usage+", above 0 and at most 1")
}

// checkMinScore refuses other values.
func checkMinScore(v float64) error {
	if !(v > 0 && v <= 1) {
		return usagef("--min-score %v: must be above 0 and at most 1", v)
	}
	return nil
}

func (f *detectFlags) check(arguments []string) error {
	if err := checkMinScore(f.least); err != nil {
		return err
	}
	if err := layout.Format(f.format).Validate(); err != nil {
		return err
	}
	if err := f.device.check(); err != nil {
		return err
	}
	if err := f.engine.check(f.device); err != nil {
		return err
	}
	if f.run == "" {
		return usagef("--run is missing: name the run folder, for example --run %s", f.example())
	}
	if len(arguments) == 0 {
		name := "detect"
		if f.masks {
			name = "segment"
		}
		return usagef("%s takes pictures or folders with pictures; see bestiary %s --help", name, name)
	}
	return checkNewFolder("--out", f.out)
}

// example returns a run folder to name in errors.
func (f *detectFlags) example() string {
	if f.masks {
		return "runs/masks"
	}
	return "runs/ssd"
}

// openDetector loads the detector of a run.
func openDetector(c *cobra.Command, dir string, device *deviceFlags) (*sample.Detector, error) {
	if err := wrongFamily(dir, detectorFamily); err != nil {
		return nil, err
	}
	return openPipeline(c, dir, "runs/ssd", device, sample.OpenDetector)
}

// detect finds objects in photos, and writes pictures and results.
func (f *detectFlags) detect(c *cobra.Command, d *sample.Detector, photos []photo) error {
	classes := d.Classes()
	index := &boxes.Set{Classes: classes, IDs: d.IDs()}
	names := outputNames{dir: f.out} // of cut-outs, too: the pictures may have a folder "cutouts" of their own
	var results []detection.Result
	var without []string
	objects, pictures := make([]int, len(classes)), make([]int, len(classes))
	leftOut, err := eachPhoto(c, d, photos, func(p photo, m *boxes.Image, found []detect.Detection) error {
		id := int64(len(index.Pictures)) + 1
		index.Pictures = append(index.Pictures, boxes.Picture{Name: p.name, ID: id, Width: m.Width, Height: m.Height})
		results = append(results, detection.Results(id, index.IDs, found)...)
		seen := map[int]bool{}
		for _, o := range found {
			if o.Score < f.least {
				continue
			}
			if objects[o.Class]++; !seen[o.Class] {
				seen[o.Class] = true
				pictures[o.Class]++
			}
		}
		if len(seen) == 0 {
			without = append(without, p.name)
		}
		img := m.NRGBA()
		if f.cutouts {
			if err := saveCutouts(&names, "cutouts/"+withoutExt(p.name), img, found, f.least); err != nil {
				return err
			}
		}
		if f.masks {
			if err := drawMasks(img, found, f.least); err != nil {
				return err
			}
		}
		if err := layout.DrawBoxes(img, drawnBoxes(found, classes, f.least)...); err != nil {
			return err
		}
		file, err := names.next(withoutExt(p.name), layout.Format(f.format).Ext())
		if err != nil {
			return err
		}
		return layout.Save(file, img, layout.Format(f.format))
	})
	if err != nil {
		return err
	}
	file := filepath.Join(f.out, "results.json")
	if err := atomicfile.Write(file, func(w io.Writer) error { return detection.WriteResults(w, results) }); err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(f.out, "images.json"), index.WriteCOCO); err != nil {
		return err
	}
	return f.print(c, classes, objects, pictures, without, leftOut, len(index.Pictures), file)
}

// print prints the summary.
func (f *detectFlags) print(c *cobra.Command, classes []string, objects, pictures []int, without []string, leftOut []eval.Unread, n int, file string) error {
	total := 0
	for _, k := range objects {
		total += k
	}
	text := fmt.Sprintf("%s: %s, %s of score %v or more\n", f.out, count(n, "picture"), count(total, "object"), f.least)
	order := make([]int, len(classes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(objects[b], objects[a]) })
	for _, class := range order {
		if objects[class] > 0 {
			text += fmt.Sprintf("%s: %d in %s\n", printable.Text(classes[class]), objects[class], count(pictures[class], "picture"))
		}
	}
	if len(without) > 0 {
		text += data.Note("pictures without an object", without, 5) + "\n"
	}
	text += leftOutNote(leftOut)
	_, err := io.WriteString(c.OutOrStdout(), text+file+"\n")
	return err
}

// leftOutNote counts and names pictures that were left out.
func leftOutNote(all []eval.Unread) string {
	if len(all) == 0 {
		return ""
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	return data.Note("pictures left out", names, 5) + "\n"
}
