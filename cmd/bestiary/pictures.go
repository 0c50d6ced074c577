package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/spf13/cobra"
)

// dataFlags are the flags that choose pictures.
type dataFlags struct {
	path, split, labels, resize string
	cutout                      string // data.Cutout
	part                        string // of the pictures to train on, see data.Part
	from                        string // folder in which a relative path was given
	images, texts               string // columns of a WebDataset
	channels                    int    // 0 is 3
	captions                    bool   // only pictures with captions
	classCaptions               bool   // captions are the names of the classes
	breedCaptions               bool   // captions are the names of breeds and classes
	noCache                     bool
	device                      *deviceFlags // of detectors in resize and cutout
	ofRun                       bool         // path is that of the run's pictures, because --data is missing
}

func addDataFlags(c *cobra.Command, split data.Split) *dataFlags {
	f := &dataFlags{}
	c.Flags().StringVar(&f.path, "data", "", "pictures: the Oxford-IIIT Pet folder, its parquet file, or a folder with one sub-folder a class")
	c.Flags().StringVar(&f.split, "split", string(split), "part of the pictures: trainval, test or all")
	c.Flags().BoolVar(&f.noCache, "no-cache", false, "don't cache decoded pictures")
	return f
}

// fromRun documents that the run's pictures are the default.
func (f *dataFlags) fromRun(c *cobra.Command) {
	c.Flags().Lookup("data").Usage += " (default: those of the run)"
}

// addShapeFlags adds the flags that belong to a training and are kept in its run.
func (f *dataFlags) addShapeFlags(c *cobra.Command) {
	c.Flags().StringVar(&f.labels, "labels", "", "classes: species (the default; of a folder its sub-folders) or breed (of a folder the files' names without number)")
	addPartFlag(c, f)
	c.Flags().StringVar(&f.resize, "resize", string(data.Squash), "how pictures become square: squash, crop, boxes[:MARGIN], the square around the largest bounding box with a margin as a share of its longer side, or detector:RUN[:MARGIN], the same around what a detector finds")
	f.addCutoutFlag(c)
}

// addPartFlag adds the flag of a training on a part of the pictures.
func addPartFlag(c *cobra.Command, f *dataFlags) {
	c.Flags().StringVar(&f.part, "part", "", "train on a part of the pictures, chosen by a hash of their names: 1/4 is a quarter of them, 2-4/4 the others (default: all)")
}

// anyLayout documents that pictures may come in any layout, and adds the flags of these layouts; captions adds those of
// texts.
func (f *dataFlags) anyLayout(c *cobra.Command, captions bool) {
	f.anyPath(c)
	c.Flags().StringVar(&f.images, "image-columns", "", "columns of a WebDataset with the pictures, in order of preference (default jpg,jpeg,png,gif,webp,bmp)")
	if f.captions = captions; captions {
		c.Flags().Lookup("data").Usage = "pictures with captions: CUB_200_2011 with text_c10, a WebDataset .tar, a folder of pictures and .txt files of the same names, or birds:SEED:N to draw N birds"
		c.Flags().BoolVar(&f.classCaptions, "class-captions", false, "use the name of its class as the caption of each picture, so that prompts are classes")
		c.Flags().BoolVar(&f.breedCaptions, "breed-captions", false, "use breed and class as the caption of each picture, such as \"persian cat\" of cat/persian_12.jpg, and the class alone as a second one")
		c.Flags().StringVar(&f.texts, "text-columns", "", "columns of a WebDataset with the captions, in order of preference; json:KEY is a value in JSON (default txt,caption)")
	}
}

// anyPath documents that --data may have any layout.
func (f *dataFlags) anyPath(c *cobra.Command) {
	c.Flags().Lookup("data").Usage = "pictures: CUB_200_2011, the Oxford-IIIT Pet folder or its parquet file, a WebDataset .tar, a folder with pictures, or birds:SEED:N to draw N birds"
	c.Flags().Lookup("split").Usage = "part of the pictures: trainval, test or all; of CUB_200_2011 also seen or unseen classes"
}

// load decodes the pictures. It shows progress on stderr, and reports pictures that were left out.
func (f *dataFlags) load(c *cobra.Command, size int, split data.Split) (*data.Dataset, error) {
	if f.path == "" {
		return nil, usagef("--data is missing: name the pictures, a folder, a parquet file, a WebDataset .tar or birds:SEED:N")
	}
	d, err := f.read(c, size, split)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(c.ErrOrStderr(), d.Report.String())
	if d, err = f.naming().Caption(d); err != nil {
		return nil, invalid(err)
	}
	if err := c.Context().Err(); err != nil { // an interrupted command ends here
		return nil, err
	}
	return d, sameData(c, f.path, d.Fingerprint)
}

// naming says which names are captions.
func (f *dataFlags) naming() data.Description {
	return data.Description{ClassCaptions: f.classCaptions, BreedCaptions: f.breedCaptions}
}

// read is load without the report.
func (f *dataFlags) read(c *cobra.Command, size int, split data.Split) (*data.Dataset, error) {
	if f.cutout == "" && !f.captions && c.Flags().Changed("cutout") { // of a captioned training, it takes back what the run was trained with
		return nil, usagef("--cutout: has no value; name the run of a Mask R-CNN, or leave it out")
	}
	f.resize, f.cutout = absoluteDetector(f.resize), absoluteSegmenter(f.cutout)
	o := data.Options{
		Size: size, Channels: f.channels, Resize: data.Resize(f.resize), Cutout: data.Cutout(f.cutout), Split: split, Labels: data.Labels(f.labels),
		Images: f.images, Texts: f.texts, Captions: f.captions && !f.naming().NamesAsCaptions(), Context: c.Context(),
		Limits: decodeLimits,
	}
	if f.noCache {
		o.Cache = data.NoCache
	}
	if _, err := o.Resolve(); err != nil {
		return nil, usagef("%w", err)
	}
	if !f.ofRun {
		f.from = ""
		if !source.IsDrawn(f.path) {
			f.from = data.GivenIn(f.path)
		}
	}
	path := f.path
	var err error
	if f.ofRun {
		if path, err = source.Find(data.Description{Path: f.path, From: f.from}); err != nil {
			return nil, err
		}
	}
	bar := newBar(c.ErrOrStderr(), "decoding pictures")
	o.Progress = bar.update
	if err := f.addSubjects(c, &o); err != nil {
		return nil, err
	}
	d, err := source.Open(path, o)
	for dropInherited(c, &o, err) {
		d, err = source.Open(path, o)
	}
	bar.finish()
	if errors.Is(err, data.ErrNoCaptions) {
		return nil, f.withoutCaptions(c, err)
	}
	return d, err
}

// dropInherited reports whether err is about an option for a layout that doesn't have it, and the option is the run's, not
// the command line's. It then clears the option: a run on breeds of the pets can be measured on one folder a breed.
func dropInherited(c *cobra.Command, o *data.Options, err error) bool {
	var wrong *fault.FieldError
	if !errors.As(err, &wrong) || c.Flags().Changed(strings.TrimPrefix(fieldFlag(c, wrong.Field), "--")) {
		return false
	}
	switch {
	case wrong.Field == "Labels" && o.Labels != "":
		o.Labels = ""
	case wrong.Field == "Images" && o.Images != "":
		o.Images = ""
	case wrong.Field == "Texts" && o.Texts != "":
		o.Texts = ""
	default:
		return false
	}
	return true
}

// loadPart is load of a part of the pictures.
func (f *dataFlags) loadPart(c *cobra.Command, size int, split data.Split, part string) (*data.Dataset, error) {
	p, err := data.ParsePart(part)
	if err != nil {
		return nil, err
	}
	all, err := f.load(c, size, split)
	if err != nil {
		return nil, err
	}
	return all.Part(p)
}

// like takes the settings of the pictures from those that the run was trained on.
func (f *dataFlags) like(trained data.Description) {
	f.labels, f.resize, f.images, f.texts, f.channels = trained.Labels, trained.Resize, trained.Images, trained.Texts, trained.Channels
	f.cutout = trained.Cutout
	f.classCaptions, f.breedCaptions = f.classCaptions || trained.ClassCaptions, f.breedCaptions || trained.BreedCaptions
	if f.path == "" {
		f.path, f.from, f.ofRun = trained.Path, trained.From, true
	}
}

// describe records where the pictures of a training come from.
func (f *dataFlags) describe(d *data.Description) {
	d.Path, d.From, d.Split, d.Labels, d.Resize, d.Images, d.Texts = f.path, f.from, f.split, f.labels, f.resize, f.images, f.texts
	d.Cutout, d.Part, d.ClassCaptions, d.BreedCaptions = f.cutout, f.part, f.classCaptions, f.breedCaptions
	if f.channels != 3 {
		d.Channels = f.channels
	}
}

// notTrainedOn warns if pictures to measure were also used to train models of the run.
func (f *dataFlags) notTrainedOn(c *cobra.Command, trained ...data.Description) {
	for _, t := range trained {
		switch {
		case !samePath(data.Description{Path: f.path, From: f.from}, t) || t.Split == "" || disjoint(t.Split, f.split):
			continue
		case t.Split == string(data.All) || t.Split == f.split:
			fmt.Fprintf(c.ErrOrStderr(), "the run was trained on split %s, so these pictures aren't new to it\n", t.Split)
		default:
			fmt.Fprintf(c.ErrOrStderr(), "the run was trained on split %s, so some of these pictures aren't new to it\n", t.Split)
		}
		return
	}
}

// samePath reports whether two descriptions name the same pictures.
func samePath(a, b data.Description) bool {
	if a.Path == b.Path && a.From == b.From {
		return true
	}
	one, err1 := filepath.Abs(a.Locate())
	two, err2 := filepath.Abs(b.Locate())
	return err1 == nil && err2 == nil && one == two
}

// disjoint reports whether two splits have no picture in common.
func disjoint(a, b string) bool {
	for _, pair := range [][2]data.Split{{data.Trainval, data.Test}, {data.Seen, data.Unseen}} {
		if p, q := string(pair[0]), string(pair[1]); a == p && b == q || a == q && b == p {
			return true
		}
	}
	return false
}

// notCutOut warns that files keep their background, if the run was trained on pictures without.
func notCutOut(c *cobra.Command, trained data.Description, files ...string) {
	for _, file := range files {
		if file != "" && trained.Cutout != "" {
			fmt.Fprintf(c.ErrOrStderr(), "%s: is not cut out, and the run was trained on animals without background (--cutout)\n", file)
		}
	}
}

// readPicture decodes one file to pixels [size, size, channels].
func readPicture(path string, size, channels int, resize string) ([]uint8, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s: there is no such picture; check the path", path)
	}
	return decodeLimits.DecodeFile(path, size, channels, data.Resize(resize).WithoutBoxes())
}
