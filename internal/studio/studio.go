// Package studio is the server: pages and routes to prompt, sample, walk and train, on top of the pipelines of package
// sample.
//
//	jobs       the queue: places, batches, results
//	library    run folders and their open pipelines
//	work       requests to jobs
//	trainings  processes that train
//	api, openai, sdapi, pages   routes
//	security, upload, wire, problem, metrics   what they share
package studio

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/internal/ram"
	"github.com/bestiary-ml/bestiary/internal/studio/api"
	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/metrics"
	"github.com/bestiary-ml/bestiary/internal/studio/openai"
	"github.com/bestiary-ml/bestiary/internal/studio/pages"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/sdapi"
	"github.com/bestiary-ml/bestiary/internal/studio/security"
	"github.com/bestiary-ml/bestiary/internal/studio/trainings"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
	"github.com/bestiary-ml/bestiary/internal/studio/work"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Options say what a server serves.
type Options struct {
	Runs    string   // folder of run folders, or a run folder
	Data    string   // folder whose sub-folders may be trained on; "" for none
	Program string   // command that trains
	Version string   // of the program
	Token   string   // that requests need; "" for none
	Hosts   []string // names under which the server is reached, beside localhost and addresses
	Queue   int      // jobs that may wait; 0 is 256
	Memory  int      // bytes for jobs; 0 is half of the free memory
	Batch   int      // pictures of requests that are drawn together; 0 is 16, 1 draws requests one at a time
	Kept    int      // finished jobs that are kept; 0 is 64
	Log     *slog.Logger
}

// Studio is a server.
type Studio struct {
	queue   *jobs.Queue
	handler http.Handler
	routes  func(wire.Mux) // registers those of the API
	log     *slog.Logger
}

// New returns a server that computes on a device.
func New(d *tensor.Device, o Options) *Studio {
	if o.Memory == 0 {
		o.Memory = 4 << 30
		if free := ram.Look().Free; free > 0 {
			o.Memory = free / 2
		}
	}
	limits := jobs.DefaultLimits(o.Memory)
	if o.Queue > 0 {
		limits.Waiting = o.Queue
	}
	if o.Batch > 0 {
		limits.Together = o.Batch
	}
	if o.Kept > 0 {
		limits.Kept = o.Kept
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Studio{log: o.Log}
	var figures *metrics.Metrics
	s.queue = jobs.New(limits, func(e jobs.Event) { figures.Note(e) })
	figures = metrics.New(s.queue.Load)
	runs := library.New(o.Runs, d)
	desk := work.NewDesk(runs, s.queue)
	trained := trainings.New(runs, o.Data, o.Program)

	mux := http.NewServeMux()
	s.routes = func(mux wire.Mux) {
		(&api.API{Desk: desk, Trainings: trained, Version: o.Version}).Register(mux)
		(&openai.API{Desk: desk}).Register(mux)
		(&sdapi.API{Desk: desk}).Register(mux)
		mux.HandleFunc("GET /healthz", s.health)
		mux.HandleFunc("GET /metrics", figures.Handler().ServeHTTP)
	}
	s.routes(mux)
	shown := &pages.Pages{Library: runs, Trainings: trained, Version: o.Version}
	shown.Register(mux)
	policy := security.Policy{Token: o.Token, Hosts: o.Hosts, Refuse: refuser(shown), Ask: shown.AskToken}
	s.handler = wire.Slow(s.logged(policy.Wrap(figures.Wrap(mux))))
	return s
}

// refuser answers requests with errors, in the form of their routes.
func refuser(shown *pages.Pages) func(w http.ResponseWriter, r *http.Request, err error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		switch {
		case under(r, "/v1"):
			openai.WriteError(w, err)
		case under(r, "/sdapi"):
			sdapi.WriteError(w, err)
		case under(r, "/api"):
			problem.Write(w, err)
		default:
			shown.Refuse(w, r, err)
		}
	}
}

// under reports whether a request is to a path or below it.
func under(r *http.Request, path string) bool {
	return r.URL.Path == path || strings.HasPrefix(r.URL.Path, path+"/")
}

// Handler answers requests.
func (s *Studio) Handler() http.Handler { return s.handler }

func (s *Studio) health(w http.ResponseWriter, _ *http.Request) {
	waiting, running, _ := s.queue.Load()
	wire.Answer(w, http.StatusOK, struct {
		Status  string `json:"status"`
		Waiting int    `json:"waiting"`
		Running int    `json:"running"`
	}{"ok", waiting, running})
}

// logged writes a line for each request, without its query, which may have the token.
func (s *Studio) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		next.ServeHTTP(w, r)
		s.log.Info("request", "method", r.Method, "path", r.URL.Path, "from", r.RemoteAddr, "took", time.Since(begun).Round(time.Millisecond))
	})
}

// Grace is how long a shutdown waits for jobs that run, and for clients to read their answers.
const Grace = time.Minute

// headerTime is how long a client has to send the header of a request.
var headerTime = 10 * time.Second // tests lower it

// Serve answers requests on a listener until ctx ends. It then answers jobs that wait with an error, finishes those that
// run, and closes.
func (s *Studio) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTime, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(security.Limit(l, security.MaxConnections)) }()
	select {
	case err := <-failed:
		s.Close(context.Background())
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), Grace)
	defer cancel()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.Close(grace)
	}()
	err := server.Shutdown(grace)
	<-closed
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close() // clients that don't read
	}
	return err
}

// Close ends the queue: jobs that wait fail, those that run finish until ctx ends.
func (s *Studio) Close(ctx context.Context) { s.queue.Close(ctx) }
