package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
)

// demo is one run of the demonstration.
type demo struct {
	dir      string
	seed     uint64
	quick    bool
	progress io.Writer
	device   *tensor.Device
	run      *runfolder.Run // of the pets; the birds' is below it
	diverged []*train.HighLoss
}

// trainDemo trains a model. A training that has diverged is reported at the end.
func trainDemo[B train.Batch](ctx context.Context, d *demo, dir string, task *train.Task[B], c train.Config) (*train.Result, error) {
	result, err := train.Run(ctx, dir, *task, c, train.Options{Progress: d.progress})
	if err == nil && result.HighLoss != nil {
		d.diverged = append(d.diverged, result.HighLoss)
	}
	return result, err
}

func newDemo() *cobra.Command {
	d := &demo{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Train all models on drawn animals in a few minutes, and write a report",
		Long: `Train both pipelines on animals that the program draws itself, and write a report with the
results. Nothing is downloaded.

  Cats and dogs: an autoencoder and a conditional flow, which then sample new ones.
  Birds with captions: a discrete VAE and a DALL-E, which then draw birds for captions with
  combinations of colours that were not in the training pictures.

The folder then has reconstructions, samples, an interpolation between two animals, generated birds
beside their captions, loss plots, and report.md, which explains them with the measured figures.

"bestiary demo detection" is another demonstration: it trains a detector of drawn animals.`,
		Example: `  bestiary demo
  bestiary demo --out my-demo --seed 7
  bestiary demo --quick
  bestiary demo detection`,
		Args: noArguments,
	}
	c.AddCommand(newDemoDetection())
	d.command(c, "demo", "seed of the drawings, the training and the samples", d)
	return c
}

// demonstration is what a demo does in its folder.
type demonstration interface {
	prepare(force bool) error       // makes the folder; force replaces an earlier demo
	show(ctx context.Context) error // trains the models and writes the report
	figures() string                // to print before the path of the report
}

// command gives a demo its flags and runs it.
func (d *demo) command(c *cobra.Command, dir, seed string, how demonstration) {
	device := addDeviceFlags(c)
	c.Flags().StringVar(&d.dir, "out", dir, "folder to write")
	c.Flags().Uint64Var(&d.seed, "seed", 1, seed)
	force := c.Flags().Bool("force", false, "replace the folder of an earlier demo")
	c.Flags().BoolVar(&d.quick, "quick", false, "train a few steps only, as a test")
	c.RunE = func(c *cobra.Command, _ []string) error {
		var err error
		if d.device, err = device.open(); err != nil {
			return err
		}
		defer d.device.Close()
		if err := how.prepare(*force); err != nil {
			return err
		}
		d.progress = c.ErrOrStderr()
		err = how.show(c.Context())
		if errors.Is(err, context.Canceled) { // a demo can't be resumed
			return fmt.Errorf("demo: interrupted; start it again with --force, which replaces %s", d.dir)
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%s%s\n", how.figures(), filepath.Join(d.dir, "report.md")); err != nil {
			return err
		}
		if len(d.diverged) > 0 {
			return d.diverged[0]
		}
		return nil
	}
}

// figures implements demonstration: the report has them.
func (d *demo) figures() string { return "" }

// show runs both pipelines and writes the report.
func (d *demo) show(ctx context.Context) error {
	pets := newPetsDemo(d)
	if err := pets.train(ctx); err != nil {
		return err
	}
	if err := pets.show(ctx); err != nil {
		return err
	}
	birds := newBirdsDemo(d)
	if err := birds.train(ctx); err != nil {
		return err
	}
	if err := birds.show(ctx); err != nil {
		return err
	}
	r := report{
		Diverged: d.diverged, Seed: d.seed, Device: fmt.Sprintf("%s, %s", d.device.Name(), count(d.device.Threads(), "thread")),
		petsReport: pets.report, Birds: birds.report,
	}
	return r.write(d.run.Path("report.md"))
}

// shorten reduces a training to a few steps if the demo is quick.
func (d *demo) shorten(c *train.Config) {
	if d.quick {
		c.Steps, c.Warmup = 8, 2
	}
}

// demoShare is the share of the drawings that is held out to evaluate during training.
const demoShare = 0.05

// prepare makes the run folder.
func (d *demo) prepare(force bool) (err error) {
	if force {
		var made data.Description
		if r, err := runfolder.Open(d.dir); err == nil && r.Data(&made) == nil {
			if !source.IsDrawn(made.Path) {
				return fmt.Errorf("%s: holds a run on %s that is not from a demo; choose another folder with --out", d.dir, made.Path)
			}
			if err := os.RemoveAll(d.dir); err != nil {
				return fmt.Errorf("%s: cannot be replaced (%w); choose another folder with --out", d.dir, err)
			}
		}
	}
	if d.run, err = runfolder.Create(d.dir); err != nil {
		return err
	}
	if d.run.HasWeights(models.Autoencoder.Name) || d.run.HasState(models.Autoencoder.Name) {
		return fmt.Errorf("%s: holds models already; choose another folder with --out, or replace an earlier demo with --force", d.dir)
	}
	return nil
}
