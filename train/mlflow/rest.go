package mlflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// Limits of the interface.
const (
	maxParams  = 100 // in a request
	maxMetrics = 1000
	maxValue   = 500 // characters of a parameter; later servers take more
	maxReply   = 4 << 20
	maxState   = 1 << 20
)

// stateName is the file of a run folder with the runs of the server by model, so that a resumed training continues its run.
const stateName = "mlflow.json"

type (
	metric struct {
		Key       string `json:"key"`
		Value     any    `json:"value"`
		Timestamp int64  `json:"timestamp"` // milliseconds
		Step      int    `json:"step"`
	}
	param struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
)

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

// artifactScheme is that of artifacts that the server itself keeps or passes on.
const artifactScheme = "mlflow-artifacts:"

// upload sends a file as an artifact.
func (t *Tracker) upload(folder, path string) error {
	if err := t.begun(); err != nil {
		return err
	}
	at, ok := strings.CutPrefix(t.artifact, artifactScheme)
	if !ok {
		return fmt.Errorf("the server keeps artifacts at %.80s, where only programs with access to that place can write; start it with --serve-artifacts", t.artifact)
	}
	if place, err := url.Parse(at); err == nil { // mlflow-artifacts://host/path or mlflow-artifacts:/path
		at = place.Path
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: can't be read (%w)", path, err)
	}
	elements := strings.Split(strings.Trim(at, "/"), "/")
	if folder != "" {
		elements = append(elements, folder)
	}
	elements = append(elements, filepath.Base(path))
	for i := range elements {
		elements[i] = url.PathEscape(elements[i])
	}
	return t.request("PUT", "/api/2.0/mlflow-artifacts/artifacts/"+strings.Join(elements, "/"), "image/png", content, nil)
}

// call calls a method of the interface.
func (t *Tracker) call(method, name string, body, reply any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	return t.request(method, "/api/2.0/mlflow/"+name, "application/json", text, reply)
}

// refusal is the error object of the server.
type refusal struct {
	status        int
	code, message string
}

// Error implements error.
func (r *refusal) Error() string {
	return fmt.Sprintf("the server answers with status %d: %.40s %.200q", r.status, r.code, r.message)
}

func (t *Tracker) request(method, path, kind string, body []byte, reply any) error {
	r, err := http.NewRequest(method, t.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = t.header.Clone()
	r.Header.Set("Content-Type", kind)
	answer, err := t.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReply))
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		var told struct {
			Code    string `json:"error_code"`
			Message string `json:"message"`
		}
		if json.Unmarshal(text, &told) != nil {
			told.Message = string(text)
		}
		return &refusal{answer.StatusCode, told.Code, told.Message}
	}
	if reply == nil {
		return nil
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return fmt.Errorf("the server answers %.80q, which is not MLflow's (%w)", text, err)
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
