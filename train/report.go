package train

import (
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

// report writes how a training proceeds to metrics.jsonl, to TensorBoard, as a plot, and to the display.
type report struct {
	run     *run.Run
	model   string
	unit    string // of a batch
	metrics *run.MetricsLog
	events  *tfevents.Writer // nil: they can't be written
	silent  bool             // nothing is written
	display display
	warned  []*warning

	trackers []Tracker
	end      TrackedEnd

	total, first int // steps in all, and before this process
	began, shown time.Time
	plotted      time.Time
}

func newReport(r *run.Run, model, unit string, step, total int, progress io.Writer) (*report, error) {
	metrics, err := r.OpenMetrics(model, step)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	report := &report{
		run: r, model: model, unit: unit, metrics: metrics, display: newDisplay(progress, step, total),
		total: total, first: step, began: now, shown: now, plotted: now,
	}
	for _, note := range metrics.Notes {
		report.say("%s", note)
	}
	if report.events, err = tfevents.Create(r.EventsDir(model), int64(step)+1); err != nil {
		report.events = nil
		report.warn("events", "write", err)
	}
	return report, nil
}

// silentReport returns the report of a rank that doesn't write to the run folder.
func silentReport() *report {
	return &report{silent: true, display: newDisplay(nil, 0, 0), shown: time.Now()}
}

// warning counts failures that cost the run a picture or events, and nothing that the training needs.
type warning struct {
	what, verb string // "samples", "draw"
	count      int
	last       error
}

// warn shows the first failure of its kind, and counts the others for the end.
func (r *report) warn(what, verb string, err error) {
	i := slices.IndexFunc(r.warned, func(w *warning) bool { return w.what == what })
	if i < 0 {
		r.say("%s: the training goes on without %s: %v", r.model, what, err)
		r.warned = append(r.warned, &warning{what, verb, 1, err})
		return
	}
	r.warned[i].count++
	r.warned[i].last = err
}

// warnings returns a sentence for each kind of failure.
func (r *report) warnings() (all []string) {
	for _, w := range r.warned {
		all = append(all, fmt.Sprintf("%s: failed to %s %s (%d times, the last: %v)", r.model, w.verb, w.what, w.count, w.last))
	}
	return all
}

// say displays a line.
func (r *report) say(format string, args ...any) { r.display.say(fmt.Sprintf(format, args...)) }

// step displays how far the training is, at intervals.
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
	r.display.step(step, fmt.Sprintf("loss %.4g  %.*f %s/s  %v left", loss, digits, rate, r.unit, left))
}

// evaluated displays the held-out figures, and those of the augmentation if it grows.
func (r *report) evaluated(step int, heldOut, growth Metrics) {
	var b strings.Builder
	show := func(figures Metrics) {
		for _, name := range sortedNames(figures) {
			fmt.Fprintf(&b, "  %s %.5g", name, figures[name])
		}
	}
	if show(heldOut); len(growth) > 0 {
		b.WriteByte(';')
		show(growth)
	}
	r.say("%s: step %d/%d, held out:%s", r.model, step, r.total, b.String())
}

// line logs figures, to trackers too. TensorBoard has "loss" as train/loss, "held_out.loss" as held_out/loss.
func (r *report) line(step int, values Metrics) error {
	if r.silent {
		return nil
	}
	if err := r.metrics.Append(run.Line{Model: r.model, Step: step, Values: values}); err != nil {
		return err
	}
	r.tracked(func(t Tracker) { t.Log(step, values) })
	for _, name := range sortedNames(values) {
		tag, ok := strings.CutPrefix(name, "held_out.")
		if ok {
			tag = "held_out/" + tag
		} else {
			tag = "train/" + name
		}
		if r.events == nil {
			continue
		}
		if err := r.events.Scalar(int64(step), tag, values[name]); err != nil {
			r.warn("events", "write", err)
			break
		}
	}
	return nil
}

// picture logs samples to TensorBoard and trackers.
func (r *report) picture(step int, path string) {
	r.tracked(func(t Tracker) { t.Picture(step, path) })
	if r.events == nil {
		return
	}
	add := func() error {
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
	if err := add(); err != nil {
		r.warn("events", "write", err)
	}
}

// plotInterval is the least time between plots. A plot takes a tenth of a second, and longer for longer runs.
const plotInterval = 15 * time.Second

// plotIfDue draws the plot, at intervals.
func (r *report) plotIfDue() {
	if !r.silent && time.Since(r.plotted) >= plotInterval {
		r.plotOrWarn()
	}
}

func (r *report) plotOrWarn() {
	if err := r.plot(); err != nil {
		r.warn("the plot", "draw", err)
	}
}

// plot draws all losses in the log, those of earlier processes included.
func (r *report) plot() error {
	r.plotted = time.Now()
	lines, err := r.run.Metrics(r.model)
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
	axes := plots.Axes{Title: "Loss of the " + r.model, X: "step", Y: "loss", LogY: positive}
	return plots.Lines(r.run.LossPlot(r.model), axes, series...)
}

// close draws the last plot, which may show why a training failed, closes the files, and repeats the warnings.
func (r *report) close() error {
	if r.silent {
		return nil
	}
	r.display.done()
	r.plotOrWarn()
	if r.events != nil {
		if err := r.events.Close(); err != nil {
			r.warn("events", "write", err)
		}
	}
	r.tracked(func(t Tracker) { t.End(r.end, r.run.LossPlot(r.model)) })
	for _, w := range r.warnings() {
		r.say("%s", w)
	}
	return r.metrics.Close()
}

func sortedNames(m Metrics) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
