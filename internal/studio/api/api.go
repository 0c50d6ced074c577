// Package api has the native routes: jobs, runs, trainings and uploads, in JSON, with problem details (RFC 9457).
package api

import (
	"net/http"
	"sync"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/trainings"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
	"github.com/bestiary-ml/bestiary/internal/studio/work"
)

// API has the routes.
type API struct {
	Desk      *work.Desk
	Trainings *trainings.Manager
	Version   string

	animating sync.Mutex
}

// Register adds the routes to a mux.
func (a *API) Register(mux wire.Mux) {
	none := func(w http.ResponseWriter, r *http.Request) error {
		return wire.NoRoute(mux, w, r, problem.New(http.StatusNotFound, "there is no such route; /api/openapi.json describes those that there are"))
	}
	for route, f := range map[string]handler{
		"GET /api/openapi.json": a.openAPI,

		"POST /api/jobs":                    a.submit,
		"GET /api/jobs":                     a.jobs,
		"GET /api/jobs/{id}":                a.job,
		"DELETE /api/jobs/{id}":             a.cancel,
		"GET /api/jobs/{id}/events":         a.events,
		"GET /api/jobs/{id}/pictures/{n}":   a.picture,
		"GET /api/jobs/{id}/animation.gif":  a.animation,
		"GET /api/runs":                     a.runs,
		"GET /api/runs/{run}":               a.run,
		"GET /api/runs/{run}/metrics":       a.metrics,
		"GET /api/runs/{run}/samples":       a.samples,
		"GET /api/runs/{run}/samples/{png}": a.sample,
		"POST /api/runs/{run}/detect":       a.detect,
		"GET /api/recipes":                  a.recipes,
		"GET /api/trainings":                a.trainings,
		"POST /api/trainings":               a.train,
		"GET /api/trainings/{id}":           a.training,
		"GET /api/trainings/{id}/events":    a.trainingEvents,
		"POST /api/trainings/{id}/stop":     a.stop,
		"POST /api/trainings/{id}/resume":   a.resume,
		"POST /api/uploads":                 a.upload,
		"/api/":                             none,
		"/api":                              none,
	} {
		mux.HandleFunc(route, Handle(f))
	}
}

type handler = func(w http.ResponseWriter, r *http.Request) error

// Handle writes errors as problem details.
func Handle(f handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			problem.Write(w, err)
		}
	}
}

func answer(w http.ResponseWriter, v any, err error) error {
	if err != nil {
		return err
	}
	wire.Answer(w, http.StatusOK, v)
	return nil
}
