package main

import (
	"context"
	_ "embed"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// detectionDemo is one run of the demonstration of detection.
type detectionDemo struct {
	*demo
	scenes int // to train on

	training, heldOut, test *boxes.Set
	detector                *sample.Detector
	report                  detectionReport
}

// detectionReport has the figures that the report shows.
type detectionReport struct {
	Dir                     string
	Seed                    uint64
	Device                  string
	Diverged                []*train.HighLoss
	Training, HeldOut, Test int
	Objects                 int // in the scenes to train on
	Size                    int
	Train                   *train.Result
	TrainTime, DetectTime   time.Duration
	Figures                 *eval.DetectorFigures
	Mistakes                bool // whether there is a page of them
}

func newDemoDetection() *cobra.Command {
	d := &detectionDemo{demo: &demo{}}
	c := &cobra.Command{
		Use:   "detection",
		Short: "Train a small detector on drawn scenes in minutes, and write a report",
		Long: `Train a small SSD on scenes of cats, dogs and birds that the program draws, measure it on scenes that it
has not seen, and write a report with the results. Nothing is downloaded.

The folder then has unseen scenes with the boxes that were found, precision-recall curves, the worst
mistakes, the plot of the loss, and report.md, which explains them with the measured figures. The
folder is a run: use it with "bestiary detect" and "bestiary eval".`,
		Example: `  bestiary demo detection
  bestiary demo detection --out my-demo --seed 7
  bestiary detect --run demo-detection scenes:9:10 --out found`,
		Args: noArguments,
	}
	d.command(c, "demo-detection", "seed of the drawings and the training", d)
	return c
}

// figures implements demonstration.
func (d *detectionDemo) figures() string { return d.report.Figures.String() }

// prepare makes the run folder.
func (d *detectionDemo) prepare(force bool) (err error) {
	if force {
		var made sample.DetectorOptions
		if r, err := runfolder.Open(d.dir); err == nil && r.Options(models.SSD.Name, &made) == nil {
			if made.Data == nil || !boxes.IsScenes(made.Data.Path) {
				return fmt.Errorf("%s: holds a detector that is not from a demo; choose another folder with --out", d.dir)
			}
			if err := os.RemoveAll(d.dir); err != nil {
				return fmt.Errorf("%s: cannot be replaced (%w); choose another folder with --out", d.dir, err)
			}
		}
	}
	if d.run, err = runfolder.Create(d.dir); err != nil {
		return err
	}
	if d.run.HasWeights(models.SSD.Name) || d.run.HasState(models.SSD.Name) {
		return fmt.Errorf("%s: holds a detector already; choose another folder with --out, or replace an earlier demo with --force", d.dir)
	}
	return nil
}

// show trains and measures the detector, and writes the pictures and the report.
func (d *detectionDemo) show(ctx context.Context) error {
	if err := d.train(ctx); err != nil {
		return err
	}
	started := time.Now()
	found, err := eval.DetectSet(ctx, d.detector, d.test, nil)
	if err != nil {
		return err
	}
	d.report.DetectTime = time.Since(started)
	if d.report.Figures, err = found.Figures(); err != nil {
		return err
	}
	if err := drawFound(d.run.Path("found.png"), found, foundShown, foundLeast); err != nil {
		return err
	}
	if err := d.report.Figures.Plot(d.run.Path("curves.png")); err != nil {
		return err
	}
	wrong, err := saveMistakes(d.run.Path("mistakes.png"), found, foundLeast)
	if err != nil {
		return err
	}
	d.report.Mistakes = wrong > 0
	return d.write()
}

// Settings of the detector.
const (
	demoScenes    = 2000
	demoSceneSize = 128
	demoSteps     = 1000
)

func (d *detectionDemo) train(ctx context.Context) (err error) {
	d.scenes = demoScenes
	if d.quick {
		d.scenes = 60
	}
	path := boxes.ScenesPath(d.seed, d.scenes)
	all, err := boxes.Open(path, boxes.Options{Split: data.Trainval})
	if err != nil {
		return err
	}
	if d.test, err = boxes.Open(path, boxes.Options{Split: data.Test}); err != nil {
		return err
	}
	d.training, d.heldOut = tasks.HoldOutBoxes(all, demoShare)
	defaults := tasks.DefaultSSD(ssd.Small, demoSceneSize)
	sizes, c, how := defaults.Model, defaults.Training, defaults.Data
	sizes.Classes = len(all.Classes)
	c.Seed, c.Steps, c.LearningRate = d.seed, demoSteps, 3e-3
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = demoSteps/3, demoSteps/3, demoSteps
	d.shorten(&c)
	how.Path, how.Split, how.Share = path, string(data.Trainval), demoShare
	// The scenes differ enough: they are only moved a little and mirrored, and their colours change a little.
	how.Augment.Overlaps, how.Augment.MaxExpand, how.Augment.Colour, how.Augment.Hue = nil, 1.3, 0.2, 0
	_, task, err := tasks.SSD(d.device, sizes, how, d.training, d.heldOut, tasks.Options{Batch: c.Batch, Seed: c.Seed})
	if err != nil {
		return err
	}
	r := &d.report
	r.Training, r.HeldOut, r.Test, r.Objects, r.Size = len(d.training.Pictures), len(d.heldOut.Pictures), len(d.test.Pictures), d.training.Boxes(), sizes.ImageSize
	started := time.Now()
	if r.Train, err = trainDemo(ctx, d.demo, d.run.Dir(), task, c); err != nil {
		return err
	}
	r.TrainTime = time.Since(started)
	d.detector, err = sample.OpenDetector(ctx, d.run.Dir(), d.device) // with the averaged weights that the run keeps
	return err
}

const (
	foundShown = 12  // pictures of a grid
	foundLeast = 0.5 // least score of a box in pictures of a demo
	foundSide  = 256 // pixels of the longer side of a picture in a grid
)

// drawFound writes a grid of pictures, evenly spread, with the detections of a least score.
func drawFound(path string, d *eval.Detected, n int, least float64) error {
	var images []*image.NRGBA
	n = min(n, len(d.Pictures))
	for k := range n {
		i := k * len(d.Pictures) / n
		m, err := d.Set.Pictures[i].Read()
		if err != nil {
			return err
		}
		img := m.NRGBA()
		if err := layout.DrawBoxes(img, drawnBoxes(d.Pictures[i].Detections, d.Set.Classes, least)...); err != nil {
			return err
		}
		images = append(images, img)
	}
	grid, err := layout.Grid(layout.Options{Columns: 4, Scale: 1}, layout.Section{Images: images})
	if err != nil {
		return err
	}
	return layout.SavePNG(path, grid)
}

//go:embed detection.md.tmpl
var detectionText string

func (d *detectionDemo) write() error {
	r := &d.report
	r.Dir, r.Seed, r.Diverged = filepath.ToSlash(d.dir), d.seed, d.diverged
	r.Device = fmt.Sprintf("%s, %s", d.device.Name(), count(d.device.Threads(), "thread"))
	t, err := template.New("report").Funcs(template.FuncMap{
		"seconds": func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) },
		"percent": detection.Percent,
	}).Parse(detectionText)
	if err != nil {
		return err
	}
	return atomicfile.Write(d.run.Path("report.md"), func(w io.Writer) error { return t.Execute(w, r) })
}

// drawnBoxes returns the detections of a least score as boxes to draw, the highest score last.
func drawnBoxes(found []detect.Detection, classes []string, least float64) (all []layout.Box) {
	for i := len(found) - 1; i >= 0; i-- {
		if o := found[i]; o.Score >= least {
			all = append(all, layout.Box{X0: o.Box.X0, Y0: o.Box.Y0, X1: o.Box.X1, Y1: o.Box.Y1,
				Label: fmt.Sprintf("%s %.2f", classes[o.Class], o.Score), Colour: layout.ClassColour(o.Class)})
		}
	}
	return all
}

// saveMistakes writes the page of the worst mistakes and returns their number. Without a mistake it writes nothing.
func saveMistakes(path string, d *eval.Detected, least float64) (int, error) {
	wrong, missed, err := detection.Mistakes(d.Pictures, d.Set.Classes, detection.MistakeOptions{Score: least})
	if err != nil || len(wrong)+len(missed) == 0 {
		return 0, err
	}
	page, err := detection.MistakePage(wrong, missed, d.Set.Classes, func(i int) (*boxes.Image, string, error) {
		m, err := d.Set.Pictures[i].Read()
		return m, d.Set.Pictures[i].Name, err
	})
	if err != nil {
		return 0, err
	}
	return len(wrong) + len(missed), layout.SavePNG(path, page)
}
