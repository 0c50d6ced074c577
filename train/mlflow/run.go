package mlflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/regular"
	"github.com/bestiary-ml/bestiary/train"
)

// run is a run of the server.
type run struct {
	ID   string `json:"run_id"`
	URI  string `json:"uri"`        // of the server
	Name string `json:"experiment"` // of the experiment
}

// stateName is the file of a run folder with the runs of the server by model, so that a resumed training continues its run.
const stateName = "mlflow.json"

// jsonNumber returns a number as the server reads it: NaN and infinities are text.
func jsonNumber(v float64) any {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return v
}

// begin makes a run of the server, or continues that of a training that is resumed.
func (t *Tracker) begin(r train.TrackedRun) error {
	experiment, err := t.experiment()
	if err != nil {
		return err
	}
	path := filepath.Join(r.Dir, stateName)
	known := readState(path)
	var reply struct {
		Run struct {
			Info struct {
				ID  string `json:"run_id"`
				URI string `json:"artifact_uri"`
			} `json:"info"`
		} `json:"run"`
	}
	old := known[r.Model]
	if r.Step > 0 && old.URI == t.base.String() && old.Name == t.options.Experiment {
		err = t.call("GET", "runs/get?run_id="+url.QueryEscape(old.ID), nil, &reply)
		if err == nil {
			err = t.call("POST", "runs/update", map[string]any{"run_id": old.ID, "status": "RUNNING"}, nil)
		}
	}
	if reply.Run.Info.ID == "" { // new, or the old one was deleted
		name := filepath.Base(filepath.Clean(r.Dir)) + "/" + r.Model
		err = t.call("POST", "runs/create", map[string]any{
			"experiment_id": experiment, "run_name": name, "start_time": time.Now().UnixMilli(),
			"tags": []param{{"bestiary.model", r.Model}, {"bestiary.run", r.Dir}, {"mlflow.source.name", "bestiary"}},
		}, &reply)
	}
	if err != nil {
		return err
	}
	t.run = run{reply.Run.Info.ID, t.base.String(), t.options.Experiment}
	t.artifact = reply.Run.Info.URI
	known[r.Model] = t.run
	if err := writeState(path, known); err != nil {
		return err
	}
	var params []param
	for _, key := range slices.Sorted(maps.Keys(r.Params)) {
		value := []rune(r.Params[key])
		params = append(params, param{key, string(value[:min(len(value), maxValue)])})
	}
	if r.Step > 0 && old.ID == t.run.ID { // parameters can't be changed, and settings may have been: tags can
		for _, p := range params {
			if err := t.call("POST", "runs/set-tag", map[string]any{"run_id": t.run.ID, "key": "resumed." + p.Key, "value": p.Value}, nil); err != nil {
				return err
			}
		}
		return nil
	}
	for part := range slices.Chunk(params, maxParams) {
		if err := t.call("POST", "runs/log-batch", map[string]any{"run_id": t.run.ID, "params": part}, nil); err != nil {
			return err
		}
	}
	return nil
}

// experiment returns the identifier of the experiment, which it makes if there is none.
func (t *Tracker) experiment() (string, error) {
	var found struct {
		Experiment struct {
			ID    string `json:"experiment_id"`
			Stage string `json:"lifecycle_stage"`
		} `json:"experiment"`
	}
	err := t.call("GET", "experiments/get-by-name?experiment_name="+url.QueryEscape(t.options.Experiment), nil, &found)
	var refused *refusal
	switch {
	case err == nil && found.Experiment.Stage == "deleted":
		return "", fmt.Errorf("the experiment %q is deleted on the server; restore it, or choose another name", t.options.Experiment)
	case err == nil:
		return found.Experiment.ID, nil
	case !errors.As(err, &refused) || refused.code != "RESOURCE_DOES_NOT_EXIST":
		return "", err
	}
	var made struct {
		ID string `json:"experiment_id"`
	}
	err = t.call("POST", "experiments/create", map[string]any{"name": t.options.Experiment}, &made)
	return made.ID, err
}

// logMetrics sends a line of metrics.
func (t *Tracker) logMetrics(all []metric) error {
	if err := t.begun(); err != nil {
		return err
	}
	for part := range slices.Chunk(all, maxMetrics) {
		if err := t.call("POST", "runs/log-batch", map[string]any{"run_id": t.run.ID, "metrics": part}, nil); err != nil {
			return err
		}
	}
	return nil
}

// finish ends the run.
func (t *Tracker) finish(status string) error {
	if err := t.begun(); err != nil {
		return err
	}
	return t.call("POST", "runs/update", map[string]any{"run_id": t.run.ID, "status": status, "end_time": time.Now().UnixMilli()}, nil)
}

// begun returns an error if the run could not be made.
func (t *Tracker) begun() error {
	if t.run.ID == "" {
		return fmt.Errorf("the server made no run at the start of the training")
	}
	return nil
}

// readState reads the runs of a run folder by model.
func readState(path string) map[string]run {
	known := map[string]run{}
	raw, err := regular.ReadFile(path, maxState)
	if err != nil || json.Unmarshal(raw, &known) != nil || known == nil {
		return map[string]run{} // then a new run is made
	}
	return known
}

func writeState(path string, known map[string]run) error {
	text, err := json.MarshalIndent(known, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, append(text, '\n'))
}
