// Package jobs is a bounded queue of work for one device. Jobs wait at a place, jobs with equal keys run together, and a
// finished job is kept for a while. The queue refuses what it has no room for.
package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Limits bound what a queue holds.
type Limits struct {
	Waiting   int           // jobs that wait
	Bytes     int           // of memory that waiting and running jobs take
	Together  int           // pictures of jobs that run together
	Kept      int           // finished jobs
	KeptBytes int           // of their pictures
	KeptFor   time.Duration // after the end
}

// DefaultLimits are those of a server with that much memory for jobs.
func DefaultLimits(bytes int) Limits {
	return Limits{Waiting: 256, Bytes: bytes, Together: 16, Kept: 64, KeptBytes: 64 << 20, KeptFor: 15 * time.Minute}
}

var (
	errCancelled = errors.New("the job was cancelled")
	errNothing   = errors.New("the job ended without a result")
)

// ErrClosed is the error of jobs that wait when the server shuts down, and of later ones.
var ErrClosed = errors.New("the server shuts down; try again later")

// Full is the error for a job that the queue has no room for.
type Full struct {
	Waiting int           // jobs
	Retry   time.Duration // when there may be room
}

// Error implements error.
func (e *Full) Error() string {
	return fmt.Sprintf("the queue is full: %d jobs wait; try again in %d s", e.Waiting, int(e.Retry.Seconds()))
}

// TooLarge is the error for a job that never fits.
type TooLarge struct{ Bytes, Most int }

// Error implements error.
func (e *TooLarge) Error() string {
	return fmt.Sprintf("the job needs about %d MB of memory, and the server has %d MB for jobs; ask for fewer pictures", e.Bytes>>20, e.Most>>20)
}

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

// retry guesses when there is room: after a batch.
func (q *Queue) retry() time.Duration {
	return min(max(q.took, time.Second), 2*time.Minute).Round(time.Second)
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

// work runs batches until the queue is closed.
func (q *Queue) work() {
	defer close(q.idle)
	for {
		q.mu.Lock()
		wake, closed := q.wake, q.closed
		if wait := q.gather(); wait > 0 && !closed {
			q.mu.Unlock()
			select {
			case <-wake:
			case <-time.After(wait):
			}
			continue
		}
		batch := q.take()
		waiting := slices.Clone(q.waiting)
		q.mu.Unlock()
		if closed && len(batch) == 0 {
			return
		}
		if len(batch) == 0 {
			<-wake
			continue
		}
		movedAll(waiting)
		q.run(batch)
	}
}

// maxPause bounds what a job waits for others.
const maxPause = 20 * time.Millisecond

// gather returns how long the first job is to wait for others that can run together with it. The clients of a batch that
// has just ended ask again within moments of each other: if the first of them ran at once, it would run alone, and all the
// others would wait for it. After a batch of one job there is no such pause, so a single client never waits.
func (q *Queue) gather() time.Duration {
	if q.last < 2 || len(q.waiting) == 0 || q.waiting[0].Key == "" {
		return 0
	}
	jobs, pictures := 0, 0
	for _, j := range q.waiting {
		if j.Key == q.waiting[0].Key {
			jobs, pictures = jobs+1, pictures+j.Pictures
		}
	}
	if jobs >= q.last || pictures >= q.limits.Together {
		return 0
	}
	return q.pause - time.Since(q.ended)
}

// take removes the first job and those that run together with it.
func (q *Queue) take() (batch []*Job) {
	pictures := 0
	q.waiting = slices.DeleteFunc(q.waiting, func(j *Job) bool {
		switch {
		case len(batch) == 0:
		case j.Key == "" || j.Key != batch[0].Key || pictures+j.Pictures > q.limits.Together:
			return false
		}
		batch, pictures = append(batch, j), pictures+j.Pictures
		return true
	})
	q.running = batch
	return batch
}

func (q *Queue) run(batch []*Job) {
	begun := time.Now()
	for _, j := range batch {
		j.begin(len(batch))
	}
	func() {
		defer func() {
			if failure := recover(); failure != nil {
				for _, j := range batch {
					j.Finish(Result{}, fmt.Errorf("the server failed: %v", failure))
				}
			}
		}()
		batch[0].Run(q.ctx, slices.Clone(batch))
	}()
	took := time.Since(begun)
	q.notify(Event{Job: batch[0], What: "batch", Together: len(batch), Took: took})
	q.mu.Lock()
	q.took = (3*q.took + took) / 4
	q.running = nil
	q.last, q.ended, q.pause = len(batch), time.Now(), min(took/8, maxPause)
	q.mu.Unlock()
	for _, j := range batch {
		j.Finish(Result{}, errNothing)
		q.finished(j)
	}
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

// finished gives back the memory of a job that has ended, and keeps its result for a while.
func (q *Queue) finished(j *Job) {
	v := j.View()
	j.cancel(nil)
	q.notify(Event{Job: j, What: string(v.State), Waited: v.Begun.Sub(v.Created), Took: v.Ended.Sub(v.Created)})
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= j.Bytes
	j.Work, j.Run = nil, nil
	if j.owned {
		delete(q.all, j.ID)
		return
	}
	q.kept = append(q.kept, j)
	q.forget()
}

// forget drops jobs that have been kept long enough, or for which there is no room.
func (q *Queue) forget() {
	bytes := 0
	for _, j := range q.kept {
		bytes += j.size()
	}
	for len(q.kept) > 0 {
		j := q.kept[0]
		if len(q.kept) <= q.limits.Kept && bytes <= q.limits.KeptBytes && time.Since(j.end()) < q.limits.KeptFor {
			return
		}
		bytes -= j.size()
		delete(q.all, j.ID)
		q.kept = slices.Delete(q.kept, 0, 1)
	}
}
