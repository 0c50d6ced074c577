package trainings

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
)

// Change is what has changed in a training. What is empty has not.
type Change struct {
	Status  *Status `json:"status,omitempty"`
	Models  []Curve `json:"models,omitempty"`
	Samples []Sheet `json:"samples,omitempty"`
}

// Curve is how the training of a model proceeds.
type Curve struct {
	Run   string     `json:"run"`
	Model string     `json:"model"`
	Title string     `json:"title"`
	Step  int        `json:"step"`
	Steps int        `json:"steps"`        // in all; 0: unknown
	Rate  float64    `json:"rate"`         // pictures a second
	Left  float64    `json:"seconds_left"` // 0: unknown, or it has ended
	Lines []run.Line `json:"lines"`        // of the log, since the change before
}

// Sheet is a grid of samples that a training has drawn.
type Sheet struct {
	Run  string `json:"run"`
	Name string `json:"name"`
	URL  string `json:"url"`
}

// look is how often a training that is watched is looked at.
const look = time.Second

// maxLines is the number of lines of a log that a change has.
const maxLines = 2000

// Watch calls f with the state of a training, and then with what changes, until the training has ended, f returns an
// error, or ctx ends.
func (m *Manager) Watch(ctx context.Context, id string, f func(Change) error) error {
	r, err := m.find(id)
	if err != nil {
		return err
	}
	w := &watcher{m: m, record: r, steps: map[string]int{}, lines: map[string]int{}, sheets: map[string]bool{}}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		s, err := m.Get(id)
		if err != nil {
			return err
		}
		if c := w.change(s); c.Status != nil || c.Models != nil || c.Samples != nil {
			if err := f(c); err != nil {
				return err
			}
		}
		if s.State != "running" {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watcher remembers what has been told about a training.
type watcher struct {
	m      *Manager
	record Record
	status Status
	steps  map[string]int // of each model, as it was last told
	lines  map[string]int // the step of its last line that was told: the log may be ahead
	sheets map[string]bool
}

func (w *watcher) change(s Status) (c Change) {
	if s != w.status {
		w.status, c.Status = s, &s
	}
	for _, name := range w.runs() {
		about, err := w.m.library.Get(name)
		if err != nil {
			continue // it is gone
		}
		for _, model := range about.Models {
			if w.trains(model.Name) {
				w.curve(&c, name, model)
			}
		}
		sheets, _ := w.m.library.Samples(name) // a run that is gone has none
		for _, file := range sheets {
			model, _, _ := strings.Cut(file, "-step-")
			if key := name + "/" + file; w.trains(model) && !w.sheets[key] {
				w.sheets[key] = true
				c.Samples = append(c.Samples, Sheet{name, file, "/api/runs/" + name + "/samples/" + file})
			}
		}
	}
	return c
}

// trains reports whether a model is one of the training, and not of an earlier one in the same run.
func (w *watcher) trains(model string) bool {
	return w.record.Options.Model == "demo" || w.record.Options.Model == model
}

// runs returns the names of the runs of the training: a demo makes two.
func (w *watcher) runs() (names []string) {
	for _, name := range w.m.library.Names() {
		path, err := w.m.library.Path(name)
		if err == nil && (path == w.record.Dir || strings.HasPrefix(path, w.record.Dir+string(filepath.Separator))) {
			names = append(names, name)
		}
	}
	return names
}

// curve adds what is new in the log of a model.
func (w *watcher) curve(c *Change, name string, model library.Model) {
	key := name + "/" + model.Name
	before, told := w.steps[key]
	if told && before == model.Step {
		return
	}
	lines, err := w.m.library.Metrics(name, model.Name, maxLines)
	if err != nil {
		lines = nil // the training has not written any yet
	}
	if model.Step < before {
		w.lines[key] = 0 // resumed from an earlier step
	}
	own := Curve{Run: name, Model: model.Name, Title: model.Title, Step: model.Step, Steps: model.Steps, Lines: []run.Line{}}
	for _, l := range lines {
		if l.Step > w.lines[key] {
			own.Lines = append(own.Lines, l)
			w.lines[key] = l.Step
		}
	}
	if len(lines) > 0 {
		own.Rate = lines[len(lines)-1].Values["items_per_second"]
	}
	if each := batchOf(model.Options); own.Rate > 0 && model.Steps > model.Step {
		own.Left = float64(model.Steps-model.Step) * each / own.Rate
	}
	w.steps[key] = model.Step
	c.Models = append(c.Models, own)
}

// batchOf returns the number of pictures of a step.
func batchOf(options any) float64 {
	how, _ := options.(map[string]any)
	batch, _ := how["batch"].(float64)
	if more, ok := how["accumulate"].(float64); ok && more > 1 {
		batch *= more
	}
	return batch
}
