// Package metrics counts what a server does, for Prometheus.
package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the figures of a server.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	jobs     *prometheus.CounterVec
	waited   prometheus.Histogram
	took     *prometheus.HistogramVec
	batches  prometheus.Histogram
	pictures prometheus.Counter
}

// New returns figures that are all zero. load returns those of the queue.
func New(load func() (waiting, running, bytes int)) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bestiary_http_requests_total", Help: "Requests by route, method and status."}, []string{"route", "method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bestiary_http_request_duration_seconds", Help: "Time from a request to the end of its answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 18),
		}, []string{"route"}),
		jobs:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bestiary_jobs_total", Help: "Jobs by kind and what happened to them: accepted, refused, done, failed or cancelled."}, []string{"kind", "event"}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bestiary_job_queue_seconds", Help: "Time that jobs waited.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 18)}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bestiary_job_duration_seconds", Help: "Time from a job to its end.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 18),
		}, []string{"kind"}),
		batches:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bestiary_batch_jobs", Help: "Jobs that ran together.", Buckets: []float64{1, 2, 4, 8, 16}}),
		pictures: prometheus.NewCounter(prometheus.CounterOpts{Name: "bestiary_pictures_total", Help: "Pictures that were drawn."}),
	}
	gauge := func(name, help string, f func(waiting, running, bytes int) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(f(load())) })
	}
	m.registry.MustRegister(m.requests, m.seconds, m.jobs, m.waited, m.took, m.batches, m.pictures,
		gauge("bestiary_jobs_waiting", "Jobs in the queue.", func(w, _, _ int) int { return w }),
		gauge("bestiary_jobs_running", "Jobs that run.", func(_, r, _ int) int { return r }),
		gauge("bestiary_jobs_memory_bytes", "Estimated memory of jobs that wait and run.", func(_, _, b int) int { return b }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Note counts an event of the queue.
func (m *Metrics) Note(e jobs.Event) {
	if e.What == "batch" {
		m.batches.Observe(float64(e.Together))
		return
	}
	m.jobs.WithLabelValues(e.Job.Kind, e.What).Inc()
	if jobs.State(e.What).Final() {
		m.took.WithLabelValues(e.Job.Kind).Observe(e.Took.Seconds())
	}
	if e.What == string(jobs.Done) {
		m.waited.Observe(e.Waited.Seconds())
		m.pictures.Add(float64(e.Job.Pictures))
	}
}

// Handler answers with the figures.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Wrap counts the requests of a mux, by the pattern of their route.
func (m *Metrics) Wrap(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		_, route := mux.Handler(r)
		if _, path, ok := strings.Cut(route, " "); ok {
			route = path
		}
		if route == "" {
			route = "other"
		}
		method := r.Method
		if !slices.Contains([]string{"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"}, method) { // there must be few labels
			method = "other"
		}
		c := &counter{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			m.requests.WithLabelValues(route, method, strconv.Itoa(c.code)).Inc()
			m.seconds.WithLabelValues(route).Observe(time.Since(begun).Seconds())
		}()
		mux.ServeHTTP(c, r)
	})
}

// counter remembers the status.
type counter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (c *counter) WriteHeader(code int) {
	c.code = code
	c.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
