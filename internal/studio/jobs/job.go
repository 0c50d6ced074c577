package jobs

import (
	"context"
	"slices"
	"sync"
	"time"
)

// State is where a job is on its way.
type State string

// The states of a job. The last three are final.
const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Final reports whether a job in the state changes no more.
func (s State) Final() bool { return s == Done || s == Failed || s == Cancelled }

// Picture is a picture that a job has drawn, as a PNG file.
type Picture struct {
	PNG        []byte
	Prompt     string
	Class      string
	Index      int // among those of its prompt or class
	Seed       uint64
	Score      *float64 // by CLIP
	LogDensity *float64 // in nats, under a flow
	Latent     []float32
}

// Result is what a job gives.
type Result struct {
	Pictures []Picture
	Values   any // of jobs that compute numbers, for JSON
}

// bytes is about how much memory the result takes.
func (r Result) bytes() int {
	n := 1 << 10
	for _, p := range r.Pictures {
		n += len(p.PNG) + 4*len(p.Latent) + 256
	}
	return n
}

// Task is what a job is to do.
type Task struct {
	Kind     string // for people and metrics: "generate"
	Key      string // jobs with equal keys run together; "" runs alone
	Pictures int    // to draw
	Bytes    int    // of memory that the job takes, about
	Work     any    // for Run
	// Run does the work of a batch, and calls Finish of each job. A job that it leaves unfinished fails.
	Run func(ctx context.Context, batch []*Job)
}

// Job is a task in a queue.
type Job struct {
	Task
	ID      string
	Created time.Time

	ctx    context.Context
	cancel context.CancelCauseFunc
	queue  *Queue
	owned  bool // by a caller that waits, see Queue.Do

	mu      sync.Mutex
	state   State
	done    int
	total   int
	partial []Picture
	recent  [][]Picture // the last ones of partial, for a caller that waits
	drawn   int         // how often partial was set
	result  Result
	err     error
	begun   time.Time
	ended   time.Time
	batch   int           // jobs that run together
	changed chan struct{} // closed at the next change
}

// View is the state of a job at a moment.
type View struct {
	ID          string
	Kind        string
	State       State
	Place       int // in the queue, from 1; 0: not waiting
	Done, Total int // units of progress
	Together    int // jobs that run together
	Partial     []Picture
	Recent      [][]Picture // in [Queue.Do]: the last [MostRecent] values of Partial, the latest last, even after the end
	Drawn       int         // how often Partial was set
	Result      Result
	Err         error
	Created     time.Time
	Begun       time.Time
	Ended       time.Time
}

// Context ends when the job is cancelled.
func (j *Job) Context() context.Context { return j.ctx }

// View returns the present state.
func (j *Job) View() View {
	v, _ := j.view()
	return v
}

func (j *Job) view() (View, <-chan struct{}) {
	place := j.queue.place(j)
	j.mu.Lock()
	defer j.mu.Unlock()
	return View{
		ID: j.ID, Kind: j.Kind, State: j.state, Place: place, Done: j.done, Total: j.total, Together: j.batch, Partial: j.partial,
		Recent: j.recent, Drawn: j.drawn, Result: j.result, Err: j.err, Created: j.Created, Begun: j.begun, Ended: j.ended,
	}, j.changed
}

// Watch calls f with the state of the job, and again after each change, until the state is final, f returns an error, or
// ctx ends. States that follow each other fast may be left out.
func (j *Job) Watch(ctx context.Context, f func(View) error) error {
	for {
		v, changed := j.view()
		if err := f(v); err != nil || v.State.Final() {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// MostRecent is the number of values of View.Partial that a caller who waits doesn't miss, however fast they follow.
const MostRecent = 3

// Progress sets how far the job is. Pictures may be nil; those of before are then kept.
func (j *Job) Progress(done, total int, pictures []Picture) {
	j.change(func() {
		j.done, j.total = done, total
		if pictures == nil {
			return
		}
		j.partial = pictures
		j.drawn++
		if j.owned {
			j.recent = append(slices.Clone(j.recent[max(0, len(j.recent)-MostRecent+1):]), pictures)
		}
	})
}

// Finish ends the job with a result or an error. The first call counts.
func (j *Job) Finish(result Result, err error) {
	j.change(func() {
		switch {
		case err == nil:
			j.state, j.result = Done, result
		case context.Cause(j.ctx) == errCancelled:
			j.state, j.err = Cancelled, errCancelled
		default:
			j.state, j.err = Failed, err
		}
		j.partial, j.ended = nil, time.Now()
	})
}

// Cancel ends the job. A job that waits ends at once, one that runs as soon as it looks.
func (j *Job) Cancel() {
	j.cancel(errCancelled)
	if j.queue.remove(j) {
		j.Finish(Result{}, errCancelled)
		j.queue.finished(j)
	}
}

// change calls f unless the job has ended, and wakes those who watch.
func (j *Job) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state.Final() {
		return
	}
	f()
	close(j.changed)
	j.changed = make(chan struct{})
}

// begin marks the job as running, with others beside it.
func (j *Job) begin(batch int) {
	j.change(func() { j.state, j.begun, j.batch = Running, time.Now(), batch })
}

// moved wakes those who watch, because the place in the queue has changed.
func (j *Job) moved() { j.change(func() {}) }

func movedAll(waiting []*Job) {
	for _, j := range slices.Clone(waiting) {
		j.moved()
	}
}

// size is the memory of the result.
func (j *Job) size() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.result.bytes()
}

// end is when the job ended.
func (j *Job) end() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ended
}
