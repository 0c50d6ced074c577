package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/nn"
)

// Tracker gets what a training logs, to send it elsewhere; see package mlflow. Its methods don't fail and take little time: a
// tracker that sends over a network does so in the background, and counts its failures, which never stop a training. All
// calls are by one goroutine.
type Tracker interface {
	Name() string                    // for messages: "MLflow at http://…"
	Start(r TrackedRun)              // before the first step of this process
	Log(step int, values Metrics)    // a line of metrics; values may be NaN or infinite
	Picture(step int, path string)   // samples, a PNG file
	End(end TrackedEnd, plot string) // the training has ended; plot is the path of the plot of its loss. It may take some seconds
	Failures() (n int, last error)   // failures so far
}

// TrackedRun describes a training to a [Tracker].
type TrackedRun struct {
	Dir    string            // run folder
	Model  string            // name of the model
	Step   int               // that the training continues after; 0 for a new one
	Params map[string]string // settings by name, such as "training.batch": "32"
}

// TrackedEnd is how a training ended.
type TrackedEnd int

// The ends of a training.
const (
	Finished TrackedEnd = iota // all steps are done, or it stopped early
	Stopped                    // it was interrupted and can be resumed
	Failed                     // it ended with an error
)

// parameters returns the settings of a training as text by name.
func (t *trainer[B]) parameters() map[string]string { return describe(t.task, t.config) }

// describe returns the settings of a training as text by name.
func describe[B Batch](t *Task[B], c Config) map[string]string {
	device := nn.Params(t.Module)[0].Tensor.Device()
	all := map[string]string{"parameters": fmt.Sprint(nn.Count(t.Module)), "device": device.Name()}
	for section, v := range map[string]any{"model": t.Settings, "training": c, "options": t.Options, "data": t.Data} {
		raw, err := json.Marshal(v)
		if err != nil {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var value any
		if d.Decode(&value) == nil && value != nil {
			flatten(section, value, all)
		}
	}
	return all
}

// flatten adds the values of objects by the path of their keys; lists become text.
func flatten(name string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			flatten(name+"."+key, item, into)
		}
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = fmt.Sprint(item)
		}
		into[name] = strings.Join(parts, ",")
	case nil:
	default:
		into[name] = fmt.Sprint(v)
	}
}

// track starts the trackers.
func (r *report) track(trackers []Tracker, run TrackedRun) {
	if r.silent {
		return
	}
	r.trackers = slices.DeleteFunc(slices.Clone(trackers), func(t Tracker) bool { return t == nil })
	for _, t := range r.trackers {
		t.Start(run)
	}
}

// tracked calls f for each tracker, and shows its first failure.
func (r *report) tracked(f func(t Tracker)) {
	for _, t := range r.trackers {
		f(t)
		if n, err := t.Failures(); n > 0 {
			r.failed(t.Name(), n, err)
		}
	}
}

// failed notes the failures of a tracker.
func (r *report) failed(name string, n int, err error) {
	i := slices.IndexFunc(r.warned, func(w *warning) bool { return w.what == name })
	if i < 0 {
		r.warn(name, "reach", err)
		i = len(r.warned) - 1
	}
	r.warned[i].count, r.warned[i].last = n, err
}
