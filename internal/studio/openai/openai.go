// Package openai answers the image routes of OpenAI's API as its clients expect.
package openai

import (
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
	mux.HandleFunc("POST /v1/images/generations", a.handle(a.generate))
	mux.HandleFunc("GET /v1/models", a.handle(a.models))
	mux.HandleFunc("GET /v1/models/{model}", a.handle(a.model))
	none := a.handle(func(w http.ResponseWriter, r *http.Request) error {
		return wire.NoRoute(mux, w, r, problem.New(http.StatusNotFound, "there is no such route; the server has /v1/images/generations and /v1/models"))
	})
	mux.HandleFunc("/v1/", none)
	mux.HandleFunc("/v1", none)
}

// handle answers errors.
func (a *API) handle(f func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			WriteError(w, err)
		}
	}
}

func (a *API) generate(w http.ResponseWriter, r *http.Request) error {
	var q request
	if err := wire.JSON(w, r, &q); err != nil {
		return err
	}
	f, err := q.form()
	if err != nil {
		return err
	}
	m, err := a.find(q.Model)
	if err != nil {
		return err
	}
	ask := work.Request{Kind: "generate", Run: m.run, Model: m.generator, Prompt: q.Prompt, N: &f.n, Seed: q.Seed, Previews: f.partial}
	if m.flow {
		ask = work.Request{Kind: "sample", Run: m.run, Class: q.Prompt, N: &f.n, Seed: q.Seed}
	}
	switch {
	case q.Stream:
		return a.stream(w, r, ask, f)
	case f.url:
		return a.links(w, r, ask)
	}
	v, err := a.Desk.Do(r.Context(), ask, nil)
	if err != nil {
		return renamed(err)
	}
	answer := images{Created: time.Now().Unix()}
	for _, p := range v.Result.Pictures {
		encoded, err := f.encode(p.PNG)
		if err != nil {
			return err
		}
		answer.Data = append(answer.Data, item{B64: encoded})
	}
	wire.Answer(w, http.StatusOK, answer)
	return nil
}

type images struct {
	Created int64  `json:"created"`
	Data    []item `json:"data"`
}

type item struct {
	B64 string `json:"b64_json,omitempty"`
	URL string `json:"url,omitempty"`
}

// links answers with addresses of the pictures, which are kept for a while.
func (a *API) links(w http.ResponseWriter, r *http.Request, ask work.Request) error {
	j, err := a.Desk.Submit(r.Context(), ask)
	if err != nil {
		return renamed(err)
	}
	var last jobs.View
	if err := j.Watch(r.Context(), func(v jobs.View) error { last = v; return nil }); err != nil {
		j.Cancel()
		return err
	}
	if last.Err != nil {
		return last.Err
	}
	answer := images{Created: time.Now().Unix()}
	for i := range last.Result.Pictures {
		answer.Data = append(answer.Data, item{URL: fmt.Sprintf("http://%s/api/jobs/%s/pictures/%d", r.Host, j.ID, i)})
	}
	wire.Answer(w, http.StatusOK, answer)
	return nil
}
