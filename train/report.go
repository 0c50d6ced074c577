package train

import (
	"cmp"
	"fmt"
	"image/png"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/internal/plots"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/tfevents"
)

// report tells how a training goes: to metrics.jsonl, to TensorBoard, as a plot, and to who watches.
type report struct {
	run     *run.Run
	task    *Task
	metrics *run.MetricsLog
	events  *tfevents.Writer
	display display

	total, first int // steps in all, and before this process
	began, shown time.Time
	plotted      time.Time
}

func newReport(r *run.Run, task *Task, step, total int, progress io.Writer) (*report, error) {
	metrics, err := r.OpenMetrics(task.Model, step)
	if err != nil {
		return nil, err
	}
	events, err := tfevents.Create(r.EventsDir(task.Model), int64(step)+1)
	if err != nil {
		metrics.Close()
		return nil, err
	}
	now := time.Now()
	return &report{
		run: r, task: task, metrics: metrics, events: events, display: newDisplay(progress, step, total),
		total: total, first: step, began: now, shown: now, plotted: now,
	}, nil
}

// say tells who watches.
func (r *report) say(format string, args ...any) { r.display.say(fmt.Sprintf(format, args...)) }

// step tells how far the training is, if it is time to.
func (r *report) step(step int, loss, rate float64) {
	now := time.Now()
	if now.Sub(r.shown) < r.display.interval() {
		return
	}
	r.shown = now
	each := now.Sub(r.began) / time.Duration(step-r.first)
	left := (each * time.Duration(r.total-step)).Round(time.Second)
	digits := 0
	if rate < 10 {
		digits = 2
	}
	r.display.step(step, fmt.Sprintf("loss %.4g  %.*f %s/s  %v left", loss, digits, rate, r.task.unit(), left))
}

// evaluated tells the held-out figures.
func (r *report) evaluated(step int, heldOut Metrics) {
	var b strings.Builder
	for _, name := range sortedNames(heldOut) {
		fmt.Fprintf(&b, "  %s %.5g", name, heldOut[name])
	}
	r.say("%s: step %d/%d, held out:%s", r.task.Model, step, r.total, b.String())
}

// line records figures: "loss" as train/loss, "held_out.loss" as held_out/loss.
func (r *report) line(step int, values Metrics) error {
	if err := r.metrics.Append(run.Line{Model: r.task.Model, Step: step, Values: values}); err != nil {
		return err
	}
	for _, name := range sortedNames(values) {
		tag, ok := strings.CutPrefix(name, "held_out.")
		if ok {
			tag = "held_out/" + tag
		} else {
			tag = "train/" + name
		}
		if err := r.events.Scalar(int64(step), tag, values[name]); err != nil {
			return err
		}
	}
	return nil
}

// picture shows samples in TensorBoard.
func (r *report) picture(step int, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s: the samples cannot be read back (%w); check the folder", path, err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		return fmt.Errorf("%s: the samples are no PNG file (%w); check the folder", path, err)
	}
	return r.events.Image(int64(step), "samples", img)
}

// plotInterval spaces the plots on the way: they take a tenth of a second, and longer the longer the run.
const plotInterval = 15 * time.Second

// plotIfDue draws the plot, if it is time to.
func (r *report) plotIfDue() error {
	if time.Since(r.plotted) < plotInterval {
		return nil
	}
	return r.plot()
}

// plot draws the losses so far, of earlier processes too.
func (r *report) plot() error {
	r.plotted = time.Now()
	lines, err := r.run.Metrics(r.task.Model)
	if err != nil {
		return err
	}
	train, heldOut := plots.Series{Name: "training", Smooth: true}, plots.Series{Name: "held out"}
	positive := true
	for _, l := range lines {
		for name, s := range map[string]*plots.Series{"loss": &train, "held_out.loss": &heldOut} {
			if v, ok := l.Values[name]; ok {
				s.X, s.Y = append(s.X, float64(l.Step)), append(s.Y, v)
				positive = positive && v > 0
			}
		}
	}
	series := []plots.Series{train}
	if len(heldOut.Y) > 0 {
		series = append(series, heldOut)
	}
	axes := plots.Axes{Title: "Loss of the " + r.task.Model, X: "step", Y: "loss", LogY: positive}
	return plots.Lines(r.run.LossPlot(r.task.Model), axes, series...)
}

// close ends the report with a last plot, also of a training that failed: it may show why.
func (r *report) close() error {
	r.display.done()
	return cmp.Or(r.plot(), r.events.Close(), r.metrics.Close()) // the first tells enough
}

func sortedNames(m Metrics) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
