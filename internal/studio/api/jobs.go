package api

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
	"github.com/bestiary-ml/bestiary/internal/studio/work"
)

// Job is a job as clients see it.
type Job struct {
	ID       string           `json:"id"`
	Kind     string           `json:"kind"`
	State    jobs.State       `json:"state"`
	Place    int              `json:"place"` // in the queue, from 1; 0: it doesn't wait
	Done     int              `json:"done"`
	Total    int              `json:"total"`
	Together int              `json:"together"` // jobs that run with it
	Created  time.Time        `json:"created"`
	Begun    *time.Time       `json:"begun,omitempty"`
	Ended    *time.Time       `json:"ended,omitempty"`
	Partial  []string         `json:"partial,omitempty"` // data addresses of pictures that are being drawn
	Pictures []Picture        `json:"pictures,omitempty"`
	Values   any              `json:"values,omitempty"`
	Error    *problem.Details `json:"error,omitempty"`

	Animation string `json:"animation,omitempty"` // path of the pictures as one file
}

// Picture is a picture of a job.
type Picture struct {
	URL        string   `json:"url"`
	Prompt     string   `json:"prompt,omitempty"`
	Class      string   `json:"class,omitempty"`
	Index      int      `json:"index"`
	Seed       uint64   `json:"seed"`
	Score      *float64 `json:"score,omitempty"`
	LogDensity *float64 `json:"log_density,omitempty"`

	Latent []float32 `json:"latent,omitempty"`
}

func jobOf(v jobs.View, partial bool) Job {
	j := Job{
		ID: v.ID, Kind: v.Kind, State: v.State, Place: v.Place, Done: v.Done, Total: v.Total, Together: v.Together,
		Created: v.Created, Begun: moment(v.Begun), Ended: moment(v.Ended), Values: v.Result.Values,
	}
	if partial {
		for _, p := range v.Partial {
			j.Partial = append(j.Partial, "data:image/png;base64,"+base64.StdEncoding.EncodeToString(p.PNG))
		}
	}
	for i, p := range v.Result.Pictures {
		j.Pictures = append(j.Pictures, Picture{
			URL: "/api/jobs/" + v.ID + "/pictures/" + strconv.Itoa(i), Prompt: p.Prompt, Class: p.Class, Index: p.Index, Seed: p.Seed,
			Score: p.Score, LogDensity: p.LogDensity, Latent: p.Latent,
		})
	}
	if v.Kind == animated && v.State == jobs.Done {
		j.Animation = "/api/jobs/" + v.ID + "/animation.gif"
	}
	if v.Err != nil && v.State != jobs.Cancelled { // which is no error
		d := problem.Of(v.Err)
		j.Error = &d
	}
	return j
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *API) submit(w http.ResponseWriter, r *http.Request) error {
	var q work.Request
	if err := wire.JSON(w, r, &q); err != nil {
		return err
	}
	j, err := a.Desk.Submit(r.Context(), q)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/jobs/"+j.ID)
	wire.Answer(w, http.StatusAccepted, jobOf(j.View(), false))
	return nil
}

func (a *API) jobs(w http.ResponseWriter, _ *http.Request) error {
	all := []Job{}
	for _, j := range a.Desk.Queue.List() {
		all = append(all, jobOf(j.View(), false))
	}
	return answer(w, struct {
		Jobs []Job `json:"jobs"`
	}{all}, nil)
}

func (a *API) find(r *http.Request) (*jobs.Job, error) {
	j, ok := a.Desk.Queue.Get(r.PathValue("id"))
	if !ok {
		return nil, problem.New(http.StatusNotFound, "there is no such job; finished jobs are kept for some minutes")
	}
	return j, nil
}

func (a *API) job(w http.ResponseWriter, r *http.Request) error {
	j, err := a.find(r)
	if err != nil {
		return err
	}
	return answer(w, jobOf(j.View(), true), nil)
}

func (a *API) cancel(w http.ResponseWriter, r *http.Request) error {
	j, err := a.find(r)
	if err != nil {
		return err
	}
	j.Cancel()
	return answer(w, jobOf(j.View(), false), nil)
}

// beat is the time after which an event keeps the connection alive.
const beat = 15 * time.Second

// events answers with an event for each change of a job, until it has ended.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	j, err := a.find(r)
	if err != nil {
		return err
	}
	var before *jobs.Picture
	stream(w, func(send func(name string, v any) error) {
		_ = j.Watch(r.Context(), func(v jobs.View) error { // a client that is gone
			fresh := len(v.Partial) > 0 && before != &v.Partial[0]
			if fresh {
				before = &v.Partial[0]
			}
			return send("state", jobOf(v, fresh))
		})
	})
	return nil
}

// stream answers with the events that f sends, and keeps the connection alive in between.
func stream(w http.ResponseWriter, f func(send func(name string, v any) error)) {
	events := wire.NewEvents(w)
	var mu sync.Mutex
	done := make(chan struct{})
	var beats sync.WaitGroup
	beats.Go(func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				mu.Lock()
				_ = events.Beat() // a client that is gone
				mu.Unlock()
			case <-done:
				return
			}
		}
	})
	f(func(name string, v any) error {
		mu.Lock()
		defer mu.Unlock()
		return events.Send(name, v)
	})
	close(done)
	beats.Wait()
}

func (a *API) picture(w http.ResponseWriter, r *http.Request) error {
	j, err := a.find(r)
	if err != nil {
		return err
	}
	all := j.View().Result.Pictures
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n >= len(all) {
		return problem.New(http.StatusNotFound, "the job has %d pictures, counted from 0", len(all))
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "private, max-age=3600, immutable")
	_, _ = w.Write(all[n].PNG) // a client that is gone
	return nil
}
