package main

import (
	"fmt"
	"os"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/spf13/cobra"
)

// dataFlags name pictures on disk.
type dataFlags struct {
	path, split, labels, resize string
	noCache                     bool
}

func addDataFlags(c *cobra.Command, split data.Split) *dataFlags {
	f := &dataFlags{}
	c.Flags().StringVar(&f.path, "data", "", "pictures: the Oxford-IIIT Pet folder, its parquet file, or a folder with one sub-folder a class")
	c.Flags().StringVar(&f.split, "split", string(split), "part of the pictures: trainval, test or all")
	c.Flags().BoolVar(&f.noCache, "no-cache", false, "don't keep decoded pictures for the next time")
	return f
}

// fromRun says in the help that the run's pictures are the default.
func (f *dataFlags) fromRun(c *cobra.Command) {
	c.Flags().Lookup("data").Usage += " (default: those of the run)"
}

// addShapeFlags adds the flags that a training decides and its run remembers.
func (f *dataFlags) addShapeFlags(c *cobra.Command) {
	c.Flags().StringVar(&f.labels, "labels", "", "classes of the pets: species or breed (default species)")
	c.Flags().StringVar(&f.resize, "resize", string(data.Squash), "how pictures become square: squash or crop")
}

// load decodes the pictures, with progress on stderr, and reports what was left out.
func (f *dataFlags) load(c *cobra.Command, size int, split data.Split) (*data.Dataset, error) {
	if f.path == "" {
		return nil, usagef("--data is missing: name the folder or parquet file of the pictures")
	}
	o := data.Options{Size: size, Resize: data.Resize(f.resize), Split: split, Labels: data.Labels(f.labels)}
	if f.noCache {
		o.Cache = data.NoCache
	}
	if _, err := o.Resolve(); err != nil {
		return nil, &usageError{err}
	}
	bar := newBar(c.ErrOrStderr(), "decoding pictures")
	o.Progress = bar.update
	d, err := source.Open(f.path, o)
	bar.finish()
	if err != nil {
		return nil, err
	}
	fmt.Fprint(c.ErrOrStderr(), d.Report.String())
	return d, c.Context().Err() // who has interrupted the decoding doesn't want what comes next
}

// like takes the shape of the pictures from the run that they are for.
func (f *dataFlags) like(trained runfolder.Dataset) {
	f.labels, f.resize = trained.Labels, trained.Resize
	if f.path == "" {
		f.path = trained.Path
	}
}

// notTrainedOn warns if the pictures that are to be measured were trained on.
func (f *dataFlags) notTrainedOn(c *cobra.Command, trained runfolder.Dataset) {
	if f.path == trained.Path && trained.Split != "" && (trained.Split == string(data.All) || trained.Split == f.split) {
		fmt.Fprintf(c.ErrOrStderr(), "the run was trained on split %s, so these pictures aren't new to it\n", trained.Split)
	}
}

// readPicture decodes one file to RGB pixels.
func readPicture(path string, size int, resize string) ([]uint8, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s: there is no such picture; check the path", path)
	}
	return data.DecodeFile(path, size, data.Resize(resize))
}
