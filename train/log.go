package train

import (
	"fmt"
	"strconv"
	"time"
)

// window collects what the next line of metrics reports.
type window struct {
	sums    Metrics // over the batches
	batches int
	timed   int           // items of this process, for the rate
	busy    time.Duration // spent training, without evaluations and checkpoints
}

// rate returns the items per second.
func (w *window) rate() float64 { return float64(w.timed) / max(w.busy.Seconds(), 1e-9) }

// openWindow is the part of a window that a checkpoint has, so that an interruption doesn't change the averages of the
// line. Numbers are text, as JSON has no NaN.
type openWindow struct {
	Sums    map[string]string `json:"sums"`
	Batches int               `json:"batches"`
	Norm    string            `json:"norm,omitempty"` // of the last gradient, if the line is still owed
}

// keep returns what a checkpoint has of the window; nil if it is empty.
func (t *trainer[B]) keep(owed bool) *openWindow {
	if t.window.batches == 0 {
		return nil
	}
	o := &openWindow{Sums: map[string]string{}, Batches: t.window.batches}
	for name, sum := range t.window.sums {
		o.Sums[name] = strconv.FormatFloat(sum, 'g', -1, 64)
	}
	if owed && t.measured {
		o.Norm = strconv.FormatFloat(t.norm, 'g', -1, 64)
	}
	return o
}

// reopen continues the window of a checkpoint.
func (t *trainer[B]) reopen(o *openWindow) (err error) {
	if o == nil {
		return nil
	}
	for name, text := range o.Sums {
		if t.window.sums[name], err = strconv.ParseFloat(text, 64); err != nil {
			return fmt.Errorf("the sum of %q is %q, not a number", name, text)
		}
	}
	if t.window.batches = o.Batches; o.Norm != "" {
		t.norm, err = strconv.ParseFloat(o.Norm, 64)
		t.measured = err == nil
	}
	return err
}

// log writes a line of metrics and starts the next window.
func (t *trainer[B]) log(step int, rate float64, heldOut Metrics) error {
	w := &t.window
	values := Metrics{
		"epoch": float64(step) * float64(t.config.Accumulate) / float64(t.task.Source.Batches()),
		"lr":    rate, "items_per_second": w.rate(),
	}
	if t.measured {
		values["grad_norm"] = t.norm
	}
	for name, sum := range w.sums {
		values[name] = sum / float64(w.batches)
	}
	for name, v := range heldOut {
		values["held_out."+name] = v
	}
	for name, v := range t.growth {
		values[name] = v
	}
	t.result.Loss = values["loss"]
	t.place.Training.update(t.result.Loss)
	if err := t.report.line(step, values); err != nil {
		return err
	}
	clear(w.sums)
	*w = window{sums: w.sums}
	t.growth = nil
	return nil
}
