// Package pool runs the tasks of kernels on a fixed set of worker threads.
package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Pool is a fixed set of workers that share the tasks of one kernel at a time.
//
// A worker claims a task by advancing the ticket, which holds the number of the run and the next task. So a worker that
// wakes late can't take part in a run that is over. A run ends when its tasks are done; it doesn't wait until every worker
// has been scheduled.
type Pool struct {
	threads int
	mu      sync.Mutex // one run at a time
	workers []*worker
	closed  atomic.Bool

	// Idle workers read the ticket all the time, and Run writes the description of a run. They lie in cache lines of their own, as
	// does the count that Run waits for.
	_       line
	ticket  atomic.Uint64
	_       line
	tasks   atomic.Int64
	work    atomic.Pointer[func(task, worker int)]
	failure atomic.Pointer[failure] // first panic of the run
	_       line
	done    atomic.Int64
	_       line
}

// line keeps fields apart by two cache lines, since some processors load lines in pairs.
type line [128]byte

// failure is what a task panicked with.
type failure struct{ value any }

type worker struct {
	parked atomic.Bool
	wake   chan struct{}
}

// spins is how often an idle worker looks for work before it parks, about 150 microseconds. Waking a parked worker takes
// longer than most kernels of a small step: a step of the flow at batch 32 takes 5.6 ms with 4,000 spins, and 3.9 ms with
// 150,000. Soon after a step, all workers are parked and the cores are free for other programs.
const spins = 150_000

// taken marks a ticket of a run that has no task left.
const taken = 1<<32 - 1

// New starts threads−1 workers; the goroutine that calls Run is the last. Non-positive means all processors.
func New(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads}
	for i := 1; i < threads; i++ {
		w := &worker{wake: make(chan struct{}, 1)}
		p.workers = append(p.workers, w)
		go p.serve(w, i)
	}
	return p
}

// Threads is the number of workers, the caller of Run included.
func (p *Pool) Threads() int { return p.threads }

// Close ends the workers. The caller of Run does all tasks itself afterwards.
func (p *Pool) Close() {
	p.closed.Store(true)
	for _, w := range p.workers {
		w.unpark()
	}
}

// unpark wakes w if it is parked or about to park. If a wake-up is in the channel already, that one is enough.
func (w *worker) unpark() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run calls f for every task in [0, tasks), on up to Threads workers numbered from 0, and returns when all are done.
// Free workers take tasks in order. f must not call Run. If a task panics, Run panics with the same value after the
// tasks that are running have returned.
func (p *Pool) Run(tasks int, f func(task, worker int)) {
	if tasks <= 0 {
		return
	}
	if tasks == 1 || p.threads == 1 {
		for t := range tasks {
			f(t, 0)
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	work := f // a copy, so that f is on the heap only if workers share the run
	run := p.ticket.Load()>>32 + 1
	p.ticket.Store(run<<32 | taken) // no late worker may claim anything while the run changes
	p.done.Store(0)
	p.tasks.Store(int64(tasks))
	p.work.Store(&work)
	p.failure.Store(nil)
	p.ticket.Store((run + 1) << 32)
	for i := 0; i < len(p.workers) && i < tasks-1; i++ {
		if w := p.workers[i]; w.parked.CompareAndSwap(true, false) {
			w.unpark()
		}
	}
	p.takeTasks(0)
	for i := 0; p.done.Load() < int64(tasks); i++ {
		if i > spins {
			runtime.Gosched()
		}
	}
	if failed := p.failure.Load(); failed != nil {
		panic(failed.value)
	}
}

// For splits [0, n) into chunks of at most grain and runs f on each.
func (p *Pool) For(n, grain int, f func(lo, hi int)) {
	if n <= grain {
		if n > 0 {
			f(0, n)
		}
		return
	}
	p.Run((n+grain-1)/grain, func(task, _ int) { f(task*grain, min(n, (task+1)*grain)) })
}

// takeTasks claims and runs tasks of the current run until none is left. They are counted as done together: each addition takes the
// cache line of the count from another core.
func (p *Pool) takeTasks(worker int) {
	own := int64(0)
	for {
		ticket := p.ticket.Load()
		work, tasks := p.work.Load(), p.tasks.Load()
		next := int64(ticket & taken)
		if next >= tasks {
			break
		}
		// Success proves that work and tasks belong to this run: it can't end before the task claimed here is counted.
		if p.ticket.CompareAndSwap(ticket, ticket+1) {
			p.do(*work, int(next), worker)
			own++
		}
	}
	if own > 0 {
		p.done.Add(own)
	}
}

// do runs a task. It keeps a panic for the goroutine that called Run, since no other goroutine could recover from it. The task
// counts as done in any case; otherwise Run would wait forever.
func (p *Pool) do(work func(task, worker int), task, worker int) {
	defer func() {
		if value := recover(); value != nil {
			p.failure.CompareAndSwap(nil, &failure{value})
		}
	}()
	work(task, worker)
}

func (p *Pool) serve(w *worker, index int) {
	seen := uint64(0)
	for idle := 0; !p.closed.Load(); idle++ {
		if run := p.ticket.Load() >> 32; run != seen {
			seen = run
			p.takeTasks(index)
			idle = 0
		}
		if idle < spins {
			continue
		}
		w.parked.Store(true)
		if p.ticket.Load()>>32 != seen && w.parked.CompareAndSwap(true, false) {
			idle = 0
			continue
		}
		<-w.wake
		idle = 0
	}
}
