package train

import "time"

// window collects what the next line of metrics reports.
type window struct {
	sums    Metrics // over the batches
	batches int
	items   int
	busy    time.Duration // spent training, without evaluations and checkpoints
}

// rate returns the items per second.
func (w *window) rate() float64 { return float64(w.items) / max(w.busy.Seconds(), 1e-9) }

// log writes a line of metrics and starts the next window.
func (t *trainer[B]) log(step int, rate float64, heldOut Metrics) error {
	w := &t.window
	values := Metrics{
		"epoch": float64(step) * float64(t.config.Accumulate) / float64(t.task.Source.Batches()),
		"lr":    rate, "items_per_second": w.rate(),
	}
	if t.measured { // false if an interrupt came during a step that was not to be logged
		values["grad_norm"] = t.norm
	}
	for name, sum := range w.sums {
		values[name] = sum / float64(w.batches)
	}
	for name, v := range heldOut {
		values["held_out."+name] = v
	}
	t.result.Loss = values["loss"]
	clear(w.sums)
	*w = window{sums: w.sums}
	return t.report.line(step, values)
}
