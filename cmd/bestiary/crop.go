package main

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// cropFlags are the flags of crop.
type cropFlags struct {
	run, boxes, data, out  string
	split, folders, format string
	classes                []string
	margin, least          float64
	most, side             int
	device                 *deviceFlags
}

// Values of --folders.
const (
	keepFolders  = "keep"
	classFolders = "class"
)

func newCrop() *cobra.Command {
	f := &cropFlags{}
	c := &cobra.Command{
		Use:   "crop",
		Short: "Cut the subjects out of pictures, by a run's detector or by known boxes",
		Long: `Cut the subjects out of pictures, as pictures to train a generator on. A cut is the square around a box
with a margin; where the square is longer than the picture, it ends at the picture's edge.

  --run RUN --data FOLDER  finds the subjects with the detector of a run. The cuts keep the sub-folders
                           of their pictures, and with them the classes; a .txt file of the same name,
                           a caption, is copied beside each cut
  --boxes DATASET          cuts along the boxes of a dataset: Pascal VOC, COCO, YOLO, VIA, labelme, Oxford pets, CUB.
                           The cuts of each class get a sub-folder of its name

--out must be a new or an empty folder, so nothing is overwritten. Pictures without a subject and
pictures that can't be decoded are counted and named.`,
		Example: `  bestiary crop --run runs/ssd --data photos --out cropped
  bestiary crop --boxes VOCdevkit --class cat,dog --margin 0.2 --out cropped
  bestiary crop --boxes annotations.json --data images --out cropped`,
		Args: noArguments,
	}
	c.Flags().StringVar(&f.run, "run", "", "run folder with a detector, as made by bestiary train ssd")
	c.Flags().StringVar(&f.boxes, "boxes", "", "dataset whose boxes are cut out: a folder, a COCO JSON file, or scenes:SEED:N")
	c.Flags().StringVar(&f.data, "data", "", "folder of the pictures; with --boxes, that of a COCO JSON file (default: beside it)")
	c.Flags().StringVar(&f.split, "split", string(data.All), "with --boxes: part of the dataset, trainval, test or all")
	c.Flags().StringVar(&f.out, "out", "", "new folder to write (required)")
	c.Flags().Float64Var(&f.margin, "margin", 0.1, fmt.Sprintf("margin on each side, as a share of the longer side of the box: 0 to %d", maxCropMargin))
	addMinScore(c, &f.least, "with --run: least score of a subject")
	c.Flags().StringSliceVar(&f.classes, "class", nil, "classes to cut out, such as cat,dog (default: all)")
	c.Flags().IntVar(&f.most, "most", 0, "cuts of a picture: the subjects with the highest scores, or the largest boxes (0: all)")
	c.Flags().IntVar(&f.side, "min-size", 1, "leave out cuts whose shorter side has fewer pixels")
	c.Flags().StringVar(&f.folders, "folders", "", "sub-folders of the cuts: keep those of the pictures, or class (default: keep with --run, class with --boxes)")
	c.Flags().StringVar(&f.format, "format", "", "format of the cuts: png, jpeg or webp (default png)")
	f.device = addDeviceFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(c); err != nil {
			return err
		}
		return f.execute(c)
	}
	return c
}

const (
	maxCropMargin = 2
	maxCropSide   = 1 << 16
	maxCuts       = 1_000_000
)

func (f *cropFlags) check(c *cobra.Command) error {
	if !(f.margin >= 0 && f.margin <= maxCropMargin) {
		return usagef("--margin %v: must be 0 to %d", f.margin, maxCropMargin)
	}
	if err := checkMinScore(f.least); err != nil {
		return err
	}
	if f.most < 0 || f.most > maxCuts {
		return usagef("--most %d: must be 1 to %d, or 0 for all", f.most, maxCuts)
	}
	if f.side < 1 || f.side > maxCropSide {
		return usagef("--min-size %d: must be 1 to %d", f.side, maxCropSide)
	}
	if err := layout.Format(f.format).Validate(); err != nil {
		return err
	}
	if f.folders != "" && f.folders != keepFolders && f.folders != classFolders {
		return usagef("--folders %s: must be keep or class", f.folders)
	}
	if err := f.device.check(); err != nil {
		return err
	}
	changed := c.Flags().Changed
	switch {
	case f.run == "" && f.boxes == "":
		return usagef("--run and --boxes are missing: name the run of a detector, or a dataset with boxes")
	case f.run != "" && f.boxes != "":
		return usagef("--run and --boxes: both say where the subjects are; leave one of them out")
	case f.run != "" && f.data == "":
		return usagef("--data is missing: name the folder of the pictures")
	case f.run != "" && changed("split"):
		return usagef("--split: needs --boxes; leave it out")
	case f.boxes != "" && changed("min-score"):
		return usagef("--min-score: needs --run, as boxes of a dataset have no score; leave it out")
	case f.boxes != "" && f.data != "" && !strings.EqualFold(path.Ext(f.boxes), ".json"):
		return usagef("--data %s: with --boxes, only a COCO JSON file has its pictures elsewhere; leave it out", f.data)
	}
	if f.folders == "" {
		if f.folders = keepFolders; f.boxes != "" {
			f.folders = classFolders
		}
	}
	return checkNewFolder("--out", f.out)
}

func (f *cropFlags) execute(c *cobra.Command) error {
	if f.boxes == "" {
		photos, err := findPhotos([]string{f.data})
		if err != nil {
			return err
		}
		d, err := openDetector(c, f.run, f.device)
		if err != nil {
			return err
		}
		return f.crop(c, d, d.Classes(), photos)
	}
	o := boxes.Options{Images: f.data, Limits: decodeLimits}
	if f.split != string(data.All) {
		o.Split = data.Split(f.split)
	}
	s, err := boxes.Open(f.boxes, o)
	if err != nil {
		return err
	}
	fmt.Fprint(c.ErrOrStderr(), s.String())
	photos := make([]photo, len(s.Pictures))
	for i, p := range s.Pictures {
		photos[i] = photo{p.Name, p.Path, p.Read, p.Objects}
	}
	return f.crop(c, nil, s.Classes, photos)
}

// print prints the summary.
func (f *cropFlags) print(c *cobra.Command, classes []string, total cropped, leftOut []eval.Unread, n int) error {
	sum, text := 0, ""
	for class, k := range total.cuts {
		if sum += k; k > 0 {
			text += fmt.Sprintf("%s: %d\n", printable.Text(classes[class]), k)
		}
	}
	text = fmt.Sprintf("%s: %s of %s\n", f.out, count(sum, "cut"), count(n-len(leftOut), "picture")) + text
	if total.captions > 0 {
		text += fmt.Sprintf("captions copied: %d\n", total.captions)
	}
	if total.small > 0 {
		text += fmt.Sprintf("subjects of less than %d pixels, left out: %d\n", f.side, total.small)
	}
	if len(total.without) > 0 {
		text += data.Note("pictures without a subject", total.without, 5) + "\n"
	}
	_, err := io.WriteString(c.OutOrStdout(), text+leftOutNote(leftOut))
	return err
}
