package mlflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Limits of the interface.
const (
	maxParams  = 100 // in a request
	maxMetrics = 1000
	maxValue   = 500 // characters of a parameter; later servers take more
	maxReply   = 4 << 20
	maxState   = 1 << 20
)

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
