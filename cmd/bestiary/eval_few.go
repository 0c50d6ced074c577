package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// errFewHeldOut is the error of [evalFlags.enough].
var errFewHeldOut = errors.New("too few held-out pictures")

// enough returns errFewHeldOut if --copies is given and there are too few held-out pictures for the copy test. err is the
// error of loading them, which may say that there are none; otherwise enough returns it.
func (f *evalFlags) enough(heldOut *data.Dataset, err error) error {
	few := errors.Is(err, data.ErrNoPictures) || err == nil && heldOut.Len() <= eval.NearestDensity
	if few && f.copies != "" && data.Split(f.pictures.split) == data.Test {
		return errFewHeldOut
	}
	return err
}

// nearest writes the page of --copies without held-out pictures: samples above their nearest training pictures. It shows
// whether a model of about ten pictures has learned them by heart.
func (f *evalFlags) nearest(c *cobra.Command, model string) error {
	d, err := f.device.open()
	if err != nil {
		return err
	}
	g, err := sample.OpenGenerator(c.Context(), f.run, model, d)
	if err != nil {
		return err
	}
	g = g.ForClasses()
	p := f.pictures
	p.captions = g.Classes == nil
	p.like(g.Data)
	p.channels = g.Channels
	split := data.Trainval
	if samePath(data.Description{Path: p.path, From: p.from}, g.Data) {
		split = data.Split(cmp.Or(g.Data.Split, string(split)))
	}
	training, err := p.loadPart(c, g.Size, split, f.trainedPart(g.Data))
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "the split test has too few pictures to measure against, %d or fewer: no figures; --copies shows samples above their nearest training pictures\n", eval.NearestDensity)
	f.adapt(c, g, false)
	page, err := eval.NearestPage(c.Context(), g, training, f.measured())
	if err != nil || !leads(c) {
		return err
	}
	if err := layout.SavePNG(f.copies, page); err != nil {
		return err
	}
	return printFigures(c, f.run, map[string]int{"training": training.Len()})
}

// trainedPart returns the part of --data that a generator was trained on; "" of other pictures.
func (f *evalFlags) trainedPart(trained data.Description) string {
	if samePath(data.Description{Path: f.pictures.path, From: f.pictures.from}, trained) {
		return trained.Part
	}
	return ""
}
