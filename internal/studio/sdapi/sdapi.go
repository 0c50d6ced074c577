// Package sdapi answers the routes that clients of Stable Diffusion's web interface use.
package sdapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
	"github.com/bestiary-ml/bestiary/internal/studio/work"
)

// API has the routes.
type API struct{ Desk *work.Desk }

// Register adds the routes to a mux.
func (a *API) Register(mux wire.Mux) {
	mux.HandleFunc("POST /sdapi/v1/txt2img", a.handle(a.draw))
	mux.HandleFunc("GET /sdapi/v1/progress", a.handle(a.progress))
	mux.HandleFunc("GET /sdapi/v1/sd-models", a.handle(a.models))
	mux.HandleFunc("GET /sdapi/v1/options", a.handle(a.options))
	none := a.handle(func(w http.ResponseWriter, r *http.Request) error {
		return wire.NoRoute(mux, w, r, problem.New(http.StatusNotFound, "there is no such route; the server has txt2img, progress, sd-models and options in /sdapi/v1"))
	})
	mux.HandleFunc("/sdapi/", none)
	mux.HandleFunc("/sdapi", none)
}

// handle answers errors.
func (a *API) handle(f func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			WriteError(w, err)
		}
	}
}

// WriteError answers with an error in the form of that interface.
func WriteError(w http.ResponseWriter, err error) {
	d := problem.Of(err)
	problem.Header(w, d)
	wire.Answer(w, d.Status, struct {
		Error  string `json:"error"`
		Detail string `json:"detail"`
		Errors string `json:"errors"`
	}{d.Title, d.Detail, d.Detail})
}

// progress tells about the job that runs.
func (a *API) progress(w http.ResponseWriter, r *http.Request) error {
	var answer struct {
		Progress float64 `json:"progress"` // from 0 to 1
		ETA      float64 `json:"eta_relative"`
		State    struct {
			Skipped     bool   `json:"skipped"`
			Interrupted bool   `json:"interrupted"`
			Job         string `json:"job"`
			Jobs        int    `json:"job_count"`
			Step        int    `json:"sampling_step"`
			Steps       int    `json:"sampling_steps"`
		} `json:"state"`
		Image *string `json:"current_image"`
		Text  *string `json:"textinfo"`
	}
	waiting, running, _ := a.Desk.Queue.Load()
	answer.State.Jobs = waiting + running
	if all := a.Desk.Queue.Running(); len(all) > 0 {
		v := all[0].View()
		answer.State.Job, answer.State.Step, answer.State.Steps = v.Kind, v.Done, v.Total
		if v.Total > 0 {
			answer.Progress = float64(v.Done) / float64(v.Total)
			if v.Done > 0 {
				answer.ETA = time.Since(v.Begun).Seconds() * float64(v.Total-v.Done) / float64(v.Done)
			}
		}
		if len(v.Partial) > 0 && r.URL.Query().Get("skip_current_image") != "true" {
			answer.Image = image(v.Partial)
		}
		text := fmt.Sprintf("%d of %d", v.Done, v.Total)
		answer.Text = &text
	}
	wire.Answer(w, http.StatusOK, answer)
	return nil
}

func image(all []jobs.Picture) *string {
	text := base64.StdEncoding.EncodeToString(all[0].PNG)
	return &text
}

func (a *API) generators(run string) []string {
	text, _ := a.Desk.Library.Generators(run)
	return text
}

func (a *API) models(w http.ResponseWriter, _ *http.Request) error {
	type entry struct {
		Title string `json:"title"`
		Name  string `json:"model_name"`
	}
	all := []entry{}
	for _, run := range a.Desk.Library.Names() {
		for _, g := range a.generators(run) {
			all = append(all, entry{run + ":" + g, run + ":" + g})
		}
	}
	wire.Answer(w, http.StatusOK, all)
	return nil
}

func (a *API) options(w http.ResponseWriter, _ *http.Request) error {
	model := ""
	for _, run := range a.Desk.Library.Names() {
		if text := a.generators(run); len(text) > 0 {
			model = run + ":" + text[0]
			break
		}
	}
	wire.Answer(w, http.StatusOK, map[string]string{"sd_model_checkpoint": model})
	return nil
}
