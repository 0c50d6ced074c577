package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// photo is a picture that a command reads in its own size.
type photo struct {
	name string // relative to the folder that it was found in, with forward slashes
	path string
	read func() (*boxes.Image, error)

	objects []boxes.Object // of a dataset with boxes
}

// findPhotos lists the pictures of arguments: files, folders with the pictures below them, and drawn scenes.
func findPhotos(arguments []string) (all []photo, err error) {
	file := func(name, path string) photo {
		return photo{name: name, path: path, read: func() (*boxes.Image, error) { return boxes.ReadUpright(path, decodeLimits) }}
	}
	for _, argument := range arguments {
		if boxes.IsScenes(argument) {
			s, err := boxes.Open(argument, boxes.Options{})
			if err != nil {
				return nil, err
			}
			for _, p := range s.Pictures {
				all = append(all, photo{p.Name, p.Path, p.Read, p.Objects})
			}
			continue
		}
		info, err := os.Stat(argument)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: there is no such picture or folder; check the path", argument)
		case !info.IsDir():
			all = append(all, file(filepath.Base(argument), argument))
			continue
		}
		files, err := data.Walk(argument)
		if err != nil {
			return nil, err
		}
		before := len(all)
		slices.SortFunc(files, func(a, b data.File) int { return data.CompareNames(a.Name, b.Name) })
		for _, f := range files {
			if f.IsPicture() {
				all = append(all, file(f.Name, filepath.Join(argument, filepath.FromSlash(f.Name))))
			}
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: has no pictures; name a folder with some", argument)
		}
	}
	return all, nil
}

// photoBatch is the number of photos that are decoded together.
const photoBatch = 8

// eachPhoto decodes photos and calls use for each with what a detector finds in it, in their order. d may be nil. Photos that can't be
// decoded are returned, and named on stderr.
func eachPhoto(c *cobra.Command, d *sample.Detector, photos []photo, use func(p photo, m *boxes.Image, found []detect.Detection) error) (leftOut []eval.Unread, err error) {
	bar := newBar(c.ErrOrStderr(), "detecting objects")
	if d == nil {
		bar = newBar(c.ErrOrStderr(), "reading pictures")
	}
	defer bar.finish()
	done := 0
	for batch := range slices.Chunk(photos, photoBatch) {
		images, failures := make([]*boxes.Image, len(batch)), make([]error, len(batch))
		var wait sync.WaitGroup
		for i, p := range batch {
			wait.Go(func() { images[i], failures[i] = p.read() })
		}
		wait.Wait()
		var usable []*boxes.Image
		var own []photo
		for i, p := range batch {
			if failures[i] == nil {
				usable, own = append(usable, images[i]), append(own, p)
				continue
			}
			reason := failures[i].Error()
			var damaged *fault.DamagedFile
			if !errors.As(failures[i], &damaged) && !errors.Is(failures[i], fs.ErrPermission) && !errors.Is(failures[i], fs.ErrNotExist) {
				return nil, failures[i]
			}
			leftOut = append(leftOut, eval.Unread{Name: p.name, Reason: printable.Text(reason)})
			bar.finish()
			fmt.Fprintf(c.ErrOrStderr(), "left out: %s\n", printable.Text(reason))
		}
		found := make([][]detect.Detection, len(usable))
		if d != nil {
			if found, err = d.Detect(c.Context(), usable); err != nil {
				return nil, err
			}
		}
		for i, p := range own {
			if err := use(p, usable[i], found[i]); err != nil {
				return nil, err
			}
		}
		if err := c.Context().Err(); err != nil {
			return nil, context.Cause(c.Context())
		}
		done += len(batch)
		bar.update(done, len(photos))
	}
	if len(leftOut) == len(photos) {
		return leftOut, fmt.Errorf("none of %s can be decoded: %s", count(len(photos), "picture"), leftOut[0].Reason)
	}
	return leftOut, nil
}

// checkNewFolder refuses a folder that has files, so that nothing is overwritten.
func checkNewFolder(flag, dir string) error {
	if dir == "" {
		return usagef("%s is missing: name a new folder", flag)
	}
	if err := checkFolder(flag, dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %s: can't be read (%w); choose another folder", flag, dir, errors.Unwrap(err))
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s %s: is not empty; name a new folder", flag, dir)
	}
	return nil
}

// outputNames gives each file that is written a name of its own below a folder.
type outputNames struct {
	dir   string
	taken map[string]bool // in lower case, as some file systems don't tell "A" from "a"
}

// next returns the path for a name without its ending, and makes its folder. A name that is taken gets a number.
func (o *outputNames) next(name, ext string) (string, error) {
	if o.taken == nil {
		o.taken = map[string]bool{}
	}
	unique := name
	for n := 2; o.taken[strings.ToLower(unique)]; n++ {
		unique = fmt.Sprintf("%s-%d", name, n)
	}
	o.taken[strings.ToLower(unique)] = true
	file := filepath.Join(o.dir, filepath.FromSlash(unique)+ext)
	if err := atomicfile.MkdirAll(filepath.Dir(file)); err != nil {
		return "", fmt.Errorf("%s: can't be made (%w); choose a folder that you may write to", filepath.Dir(file), err)
	}
	return file, nil
}

// withoutExt returns a name without its ending.
func withoutExt(name string) string { return name[:len(name)-len(path.Ext(name))] }
