package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

const metricsName = "metrics.jsonl"

// Line is a line of metrics.jsonl: {"model":"flow","step":10,"loss":0.5, …}. NaN and infinities, which JSON can't hold,
// are written as null and read as NaN.
type Line struct {
	Model  string
	Step   int
	Values map[string]float64
}

// MarshalJSON implements json.Marshaler, with the keys in one object and sorted.
func (l Line) MarshalJSON() ([]byte, error) {
	all := make(map[string]any, len(l.Values)+2)
	for name, v := range l.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			all[name] = nil
		} else {
			all[name] = v
		}
	}
	all["model"], all["step"] = l.Model, l.Step
	return json.Marshal(all)
}

// UnmarshalJSON implements json.Unmarshaler. Values that are not numbers are left out.
func (l *Line) UnmarshalJSON(text []byte) error {
	var key struct {
		Model *string
		Step  *int
	}
	if err := json.Unmarshal(text, &key); err != nil {
		return err
	}
	if key.Model == nil || key.Step == nil {
		return errors.New("no model or no step")
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*l = Line{Model: *key.Model, Step: *key.Step, Values: map[string]float64{}}
	for name, v := range all {
		switch v := v.(type) {
		case float64:
			l.Values[name] = v
		case nil:
			l.Values[name] = math.NaN()
		}
	}
	delete(l.Values, "step")
	return nil
}

// MetricsLog appends to metrics.jsonl.
type MetricsLog struct {
	path string
	file *os.File
}

// OpenMetrics opens metrics.jsonl to append lines of a model. It first removes the model's lines after a step, which a
// killed process wrote after its last checkpoint, and broken lines. The caller holds the folder's lock.
func (r *Run) OpenMetrics(model string, step int) (*MetricsLog, error) {
	path := r.Path(metricsName)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: can't be read (%w); check that you may read it", path, cause(err))
	}
	var kept []byte
	for raw := range bytes.Lines(text) {
		var l Line
		if json.Unmarshal(raw, &l) == nil && raw[len(raw)-1] == '\n' && (l.Model != model || l.Step <= step) {
			kept = append(kept, raw...)
		}
	}
	if len(kept) != len(text) {
		if err := atomicfile.WriteBytes(path, kept); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fmt.Errorf("%s: can't be written (%w); choose a run folder that you may write to", path, cause(err))
	}
	return &MetricsLog{path, f}, nil
}

// Append writes a line in a single write.
func (m *MetricsLog) Append(l Line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("%s: step %d can't be written: %w", m.path, l.Step, err)
	}
	if _, err := m.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("%s: can't be written (%w); free some disk space, then resume the training", m.path, cause(err))
	}
	return nil
}

// Close closes the file.
func (m *MetricsLog) Close() error { return m.file.Close() }

// Metrics reads the lines of a model in order. Broken lines, which a killed process may leave, are skipped.
func (r *Run) Metrics(model string) ([]Line, error) {
	path := r.Path(metricsName)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: can't be read (%w); train a model first", path, cause(err))
	}
	var lines []Line
	for raw := range bytes.Lines(text) {
		var l Line
		if json.Unmarshal(raw, &l) == nil && l.Model == model {
			lines = append(lines, l)
		}
	}
	return lines, nil
}
