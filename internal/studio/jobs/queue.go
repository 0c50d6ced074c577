// Package jobs is a bounded queue of work for one device. Jobs wait at a place, jobs with equal keys run together, and a
// finished job is kept for a while. The queue refuses what it has no room for.
package jobs

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// Event says what happened to a job, for metrics.
type Event struct {
	Job      *Job
	What     string // "accepted", "refused", "batch" or a final State
	Together int    // jobs of a batch
	Waited   time.Duration
	Took     time.Duration
}

// Queue runs jobs one batch at a time.
type Queue struct {
	limits Limits
	notify func(Event)
	ctx    context.Context
	cancel context.CancelFunc
	idle   chan struct{} // closed when the worker has ended

	mu      sync.Mutex
	wake    chan struct{} // has a value when there may be work
	closed  bool
	waiting []*Job
	running []*Job
	last    int           // jobs of the last batch
	ended   time.Time     // when it ended
	pause   time.Duration // to wait for jobs that may run together with the first, see gather
	bytes   int
	kept    []*Job // finished, the oldest first
	took    time.Duration
	all     map[string]*Job
}

// New starts a queue. notify may be nil; it must be fast.
func New(l Limits, notify func(Event)) *Queue {
	if notify == nil {
		notify = func(Event) {}
	}
	q := &Queue{limits: l, notify: notify, idle: make(chan struct{}), wake: make(chan struct{}, 1), all: map[string]*Job{}, took: time.Second}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	go q.work()
	return q
}

// Submit accepts a job, or returns a [*Full], a [*TooLarge] or [ErrClosed]. The job doesn't depend on the caller.
func (q *Queue) Submit(t Task) (*Job, error) { return q.submit(t, false) }

// Do accepts a job for a caller that waits for it, and returns it when it has ended. The job isn't kept. If ctx ends, Do
// cancels the job. watch may be nil, see [Job.Watch].
func (q *Queue) Do(ctx context.Context, t Task, watch func(View) error) (View, error) {
	j, err := q.submit(t, true)
	if err != nil {
		return View{}, err
	}
	defer j.Cancel()
	var last View
	err = j.Watch(ctx, func(v View) error {
		last = v
		if watch != nil {
			return watch(v)
		}
		return nil
	})
	if err == nil {
		err = last.Err
	}
	return last, err
}

func (q *Queue) submit(t Task, owned bool) (*Job, error) {
	j := &Job{Task: t, ID: rand.Text()[:16], Created: time.Now(), queue: q, owned: owned, state: Queued, changed: make(chan struct{})}
	err := q.accept(j)
	if err != nil {
		q.notify(Event{Job: j, What: "refused"})
		return nil, err
	}
	q.notify(Event{Job: j, What: "accepted"})
	return j, nil
}

func (q *Queue) accept(j *Job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case j.Bytes > q.limits.Bytes:
		return &TooLarge{j.Bytes, q.limits.Bytes}
	case len(q.waiting) >= q.limits.Waiting, q.bytes+j.Bytes > q.limits.Bytes:
		return &Full{len(q.waiting), q.retry()}
	}
	j.ctx, j.cancel = context.WithCancelCause(q.ctx)
	q.bytes += j.Bytes
	q.waiting = append(q.waiting, j)
	q.all[j.ID] = j
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// Get returns a job that waits, runs, or is kept.
func (q *Queue) Get(id string) (*Job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget()
	j, ok := q.all[id]
	return j, ok && !j.owned
}

// List returns the jobs that Get finds, the latest first.
func (q *Queue) List() []*Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget()
	var list []*Job
	for _, j := range q.all {
		if !j.owned {
			list = append(list, j)
		}
	}
	slices.SortFunc(list, func(a, b *Job) int { return b.Created.Compare(a.Created) })
	return list
}

// Load returns the number of jobs that wait and run, and their memory.
func (q *Queue) Load() (waiting, running, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting), len(q.running), q.bytes
}

// Running returns the jobs that run.
func (q *Queue) Running() []*Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.running)
}

// Close ends the queue: jobs that wait fail with [ErrClosed], those that run finish. If ctx ends before, they are
// cancelled.
func (q *Queue) Close(ctx context.Context) {
	q.mu.Lock()
	q.closed = true
	left := q.waiting
	q.waiting = nil
	close(q.wake)
	q.wake = make(chan struct{}, 1)
	q.mu.Unlock()
	for _, j := range left {
		j.Finish(Result{}, ErrClosed)
		q.finished(j)
	}
	select {
	case <-q.idle:
	case <-ctx.Done():
		q.cancel()
		<-q.idle
	}
	q.cancel()
}

// place is the place of a job that waits, from 1.
func (q *Queue) place(j *Job) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Index(q.waiting, j) + 1
}

// remove removes a job that waits.
func (q *Queue) remove(j *Job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, j)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	return i >= 0
}
