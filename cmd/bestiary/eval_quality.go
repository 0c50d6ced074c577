package main

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// generatorReport has the figures of a generator that no other report describes.
type generatorReport struct {
	Pictures int           `json:"pictures"`
	Quality  *eval.Quality `json:"quality"`
}

// generator measures a generator of any other kind.
func (f *evalFlags) generator(c *cobra.Command, model string) error {
	d, err := f.device.open()
	if err != nil {
		return err
	}
	g, err := sample.OpenGenerator(c.Context(), f.run, model, d)
	if err != nil {
		return err
	}
	g = g.ForClasses()
	f.pictures.captions = g.Classes == nil
	heldOut, training, err := f.sets(c, g.Size, g.Data, g.Data)
	if err != nil {
		return err
	}
	judge, err := ownCLIP(c.Context(), g, d)
	if err != nil {
		return err
	}
	q, err := f.quality(c, g, heldOut, training, judge)
	if err != nil {
		return err
	}
	return printFigures(c, f.run, generatorReport{heldOut.Len(), q})
}

// quality measures samples of a generator, and of that of --beside. judge has the run's CLIP, or is nil.
func (f *evalFlags) quality(c *cobra.Command, g *sample.Generator, heldOut, training *data.Dataset, judge *sample.TextToImage) (*eval.Quality, error) {
	f.adapt(c, g, f.beside != "")
	measured := []*sample.Generator{g}
	if f.beside != "" {
		d, err := f.device.open()
		if err != nil {
			return nil, err
		}
		other, err := openNamedGenerator(c.Context(), f.beside, d)
		if err != nil {
			return nil, fmt.Errorf("--beside: %w", remedied(c, err))
		}
		f.adapt(c, other, true)
		if g.Classes != nil {
			other = other.ForClasses()
		}
		measured = append(measured, other)
	}
	o, err := f.options(c, f.device, measured...)
	if err != nil {
		return nil, err
	}
	if o.CLIP == nil {
		o.CLIP = judge
	}
	if !f.asked(c) && f.beside == "" && f.copies == "" && (heldOut.Len() <= eval.NearestDensity || training == nil) {
		return nil, nil // too few pictures for what nobody asked for
	}
	reference, err := eval.NewReference(c.Context(), heldOut, training, o)
	if err != nil {
		return nil, err
	}
	q, err := reference.Measure(c.Context(), g)
	if err != nil {
		return nil, err
	}
	notMeasured(c, o, g, q)
	for _, other := range measured[1:] {
		beside, err := reference.Measure(c.Context(), other)
		if err != nil {
			return nil, fmt.Errorf("--beside %s: %w", f.beside, err)
		}
		q.SetBeside(beside)
	}
	if f.copies != "" && leads(c) {
		if err := writeCopies(f.copies, reference, q); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// classifier measures a classifier.
func (f *evalFlags) classifier(c *cobra.Command) error {
	if f.asked(c) || f.beside != "" || f.copies != "" {
		return usagef("--run %s: has a classifier and no generator, and the flags ask for measures of generated pictures; name the run of a generator", f.run)
	}
	d, err := f.device.open()
	if err != nil {
		return err
	}
	j, err := eval.OpenJudge(c.Context(), f.run, d)
	if err != nil {
		return err
	}
	f.pictures.like(j.Dataset())
	f.pictures.captions, f.pictures.channels = j.Config().Attributes, j.Channels()
	f.pictures.notTrainedOn(c, j.Dataset())
	heldOut, err := f.pictures.load(c, j.Size(), data.Split(f.pictures.split))
	if err != nil {
		return err
	}
	figures, err := eval.MeasureClassifier(c.Context(), j, heldOut)
	if err != nil {
		return err
	}
	return printFigures(c, f.run, figures)
}
