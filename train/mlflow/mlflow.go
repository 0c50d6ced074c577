// Package mlflow sends the metrics, settings and samples of trainings to an MLflow server, by its REST interface
// (https://mlflow.org/docs/latest/rest-api.html).
//
//	tracker, err := mlflow.New("http://localhost:5000", mlflow.Options{Experiment: "pets"})
//	result, err := train.Run(ctx, dir, task, config, train.Options{Trackers: []train.Tracker{tracker}})
//
// A training is a run of the experiment: its settings are the parameters, lines of metrics.jsonl are the metrics, samples
// and the plot of the loss are artifacts. A resumed training continues its run. Requests are sent in the background; a
// server that is slow, refuses or is gone never delays or stops the training. What couldn't be sent is counted and lost: the
// run folder has everything.
package mlflow

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/train"
)

// Options say where a server keeps the trainings, and how long it may take.
type Options struct {
	Experiment string        // name of the experiment, which is made if there is none; "" is "bestiary"
	Timeout    time.Duration // of a request; 0 is 10 s
	Patience   time.Duration // how long the end of a training waits for requests that are queued; 0 is 20 s
}

const (
	defaultTimeout  = 10 * time.Second
	defaultPatience = 20 * time.Second
	queued          = 256             // requests that wait; more are counted as failures
	rest            = 5 * time.Second // after a failure, during which nothing is sent
)

// Tracker is a [train.Tracker] for one server. Use one for each training.
type Tracker struct {
	base    *url.URL
	options Options
	client  *http.Client
	header  http.Header

	jobs    chan job
	done    chan struct{}
	mu      sync.Mutex
	failed  int
	last    error
	resting time.Time // nothing is sent before

	run      run // set by the first job
	artifact string
}

// job is a request that waits.
type job struct {
	send func() error
	must bool // is tried while the server rests
}

// New returns a tracker for a server at a URL, http or https, with user and password where the server wants them; or these
// are in the variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or a token in MLFLOW_TRACKING_TOKEN, as for
// other clients of MLflow. It sends nothing yet. The error is a [*fault.FieldError].
func New(uri string, o Options) (*Tracker, error) {
	base, err := url.Parse(uri)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fault.Field("URI", uri, "must be the URL of an MLflow server, such as http://localhost:5000")
	}
	if o.Timeout < 0 || o.Patience < 0 {
		return nil, fault.Field("Timeout", min(o.Timeout, o.Patience), "must be 0 or more, and Patience too")
	}
	if o.Experiment == "" {
		o.Experiment = "bestiary"
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	t := &Tracker{base: base, options: o, client: &http.Client{Timeout: o.Timeout}, header: http.Header{}, done: make(chan struct{})}
	name, password := os.Getenv("MLFLOW_TRACKING_USERNAME"), os.Getenv("MLFLOW_TRACKING_PASSWORD")
	if base.User != nil {
		name = base.User.Username()
		password, _ = base.User.Password()
		base.User = nil // errors show the URL
	}
	switch token := os.Getenv("MLFLOW_TRACKING_TOKEN"); {
	case name != "":
		r := &http.Request{Header: t.header}
		r.SetBasicAuth(name, password)
	case token != "":
		t.header.Set("Authorization", "Bearer "+token)
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	base.RawQuery, base.Fragment = "", ""
	return t, nil
}

// Name implements [train.Tracker].
func (t *Tracker) Name() string { return "MLflow at " + t.base.String() }

// Start implements [train.Tracker].
func (t *Tracker) Start(r train.TrackedRun) {
	t.jobs = make(chan job, queued)
	go t.work()
	t.add(job{must: true, send: func() error { return t.begin(r) }})
}

// Log implements [train.Tracker].
func (t *Tracker) Log(step int, values train.Metrics) {
	now := time.Now().UnixMilli()
	batch := make([]metric, 0, len(values))
	for name, v := range values {
		batch = append(batch, metric{name, jsonNumber(v), now, step})
	}
	t.add(job{send: func() error { return t.logMetrics(batch) }})
}

// Picture implements [train.Tracker].
func (t *Tracker) Picture(step int, path string) {
	t.add(job{send: func() error { return t.upload("samples", path) }})
}

// End implements [train.Tracker].
func (t *Tracker) End(end train.TrackedEnd, plot string) {
	if t.jobs == nil {
		return
	}
	status := map[train.TrackedEnd]string{train.Finished: "FINISHED", train.Stopped: "KILLED", train.Failed: "FAILED"}[end]
	if _, err := os.Stat(plot); err == nil {
		t.add(job{send: func() error { return t.upload("", plot) }})
	}
	t.add(job{must: true, send: func() error { return t.finish(status) }})
	close(t.jobs)
	select {
	case <-t.done:
	case <-time.After(t.options.Patience):
		t.fail(fmt.Errorf("%v after the end of the training, the server had not taken everything", t.options.Patience))
	}
	t.jobs = nil
}

// Failures implements [train.Tracker].
func (t *Tracker) Failures() (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed, t.last
}

// add queues a job, or counts it as failed if too many wait.
func (t *Tracker) add(j job) {
	if t.jobs == nil {
		return
	}
	select {
	case t.jobs <- j:
	default:
		t.fail(fmt.Errorf("%d requests are waiting; the server is too slow", queued))
	}
}

func (t *Tracker) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed++
	t.last = err
}

// work sends the jobs one after the other. After a failure, the server rests: what is to be sent meanwhile counts as failed.
func (t *Tracker) work() {
	defer close(t.done)
	for j := range t.jobs {
		if !j.must && time.Now().Before(t.resting) {
			t.mu.Lock()
			t.failed++
			t.mu.Unlock()
			continue
		}
		if err := j.send(); err != nil {
			t.fail(err)
			t.resting = time.Now().Add(rest)
		}
	}
}
