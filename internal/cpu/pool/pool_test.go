package pool

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newPool(t *testing.T, threads int) *Pool {
	p := New(threads)
	t.Cleanup(p.Close)
	return p
}

// TestRunDoesEveryTaskOnce has many short runs in a row, so that workers come late, and pauses, so that they park.
func TestRunDoesEveryTaskOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := newPool(t, threads)
		for run := range 3000 {
			tasks := run % 37
			times := make([]int32, tasks) // not atomic: a task that runs twice at once is a race
			var workers atomic.Uint64
			p.Run(tasks, func(task, worker int) {
				times[task]++
				workers.Or(1 << worker)
			})
			for task, n := range times {
				if n != 1 {
					t.Fatalf("%d threads, run %d: task %d was done %d times", threads, run, task, n)
				}
			}
			if workers.Load()>>threads != 0 {
				t.Fatalf("%d threads, but workers %b", threads, workers.Load())
			}
			if run%500 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}
}

// TestWorkersAreAlone checks that no two tasks of a run have the same worker at the same time.
func TestWorkersAreAlone(t *testing.T) {
	p := newPool(t, 4)
	var busy [4]atomic.Bool
	for range 200 {
		p.Run(50, func(_, worker int) {
			if busy[worker].Swap(true) {
				t.Errorf("worker %d has two tasks", worker)
			}
			runtime.Gosched()
			busy[worker].Store(false)
		})
	}
}

// TestWorkIsShared fails if the caller does everything itself: the first two tasks wait for each other.
func TestWorkIsShared(t *testing.T) {
	p := newPool(t, 2)
	for range 50 {
		var there sync.WaitGroup
		there.Add(2)
		p.Run(2, func(int, int) {
			there.Done()
			there.Wait()
		})
	}
	time.Sleep(20 * time.Millisecond) // long enough for the worker to park
	if !p.workers[0].parked.Load() {
		t.Error("an idle worker doesn't park")
	}
	var there sync.WaitGroup
	there.Add(2)
	p.Run(2, func(int, int) {
		there.Done()
		there.Wait()
	})
}

func TestFor(t *testing.T) {
	p := newPool(t, 3)
	for _, n := range []int{0, 1, 2, 9, 10, 11, 100, 1001} {
		seen := make([]int32, n)
		p.For(n, 10, func(lo, hi int) {
			if lo%10 != 0 || hi-lo > 10 || hi <= lo {
				t.Errorf("chunk [%d, %d) of %d", lo, hi, n)
			}
			for i := lo; i < hi; i++ {
				seen[i]++
			}
		})
		for i, times := range seen {
			if times != 1 {
				t.Fatalf("element %d of %d was visited %d times", i, n, times)
			}
		}
	}
}

// TestConcurrentRuns has callers that share a pool.
func TestConcurrentRuns(t *testing.T) {
	p := newPool(t, 3)
	var callers sync.WaitGroup
	for caller := range 3 {
		callers.Go(func() {
			for run := range 1000 {
				tasks := 2 + (run+caller)%20
				var sum atomic.Int64
				p.Run(tasks, func(task, _ int) { sum.Add(int64(task)) })
				if want := int64(tasks * (tasks - 1) / 2); sum.Load() != want {
					t.Errorf("caller %d, run %d: tasks sum up to %d, want %d", caller, run, sum.Load(), want)
					return
				}
			}
		})
	}
	callers.Wait()
}

// TestPanics has tasks that panic on any worker; the caller gets the panic, after all tasks, and can go on.
func TestPanics(t *testing.T) {
	for _, threads := range []int{1, 2, 4} {
		p := newPool(t, threads)
		for run := range 300 {
			bad := run % 20
			var running atomic.Int32
			value := func() (value any) {
				defer func() { value = recover() }()
				p.Run(20, func(task, _ int) {
					running.Add(1)
					defer running.Add(-1)
					if task == bad {
						panic("a mistake")
					}
				})
				return nil
			}()
			if value != "a mistake" {
				t.Fatalf("the caller recovered %v", value)
			}
			if running.Load() != 0 {
				t.Fatal("tasks were running when Run panicked")
			}
			var done atomic.Int32
			p.Run(7, func(int, int) { done.Add(1) })
			if done.Load() != 7 {
				t.Fatalf("the next run did %d tasks", done.Load())
			}
		}
	}
}

// TestClose checks that the workers end, in whatever state they are, and that Run still does its tasks.
func TestClose(t *testing.T) {
	serving := func() int {
		stacks := make([]byte, 1<<20)
		return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "(*Pool).serve(")
	}
	before := serving()
	for i := range 200 {
		p := New(4)
		p.Run(i%5, func(int, int) {})
		if i%50 == 0 {
			time.Sleep(2 * time.Millisecond)
		}
		p.Close()
		p.Close()
		for range 3 {
			var done atomic.Int32
			p.Run(9, func(int, int) { done.Add(1) })
			if done.Load() != 9 {
				t.Fatalf("%d tasks were done after Close", done.Load())
			}
		}
	}
	for deadline := time.Now().Add(5 * time.Second); serving() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d workers are left of pools that were closed", serving()-before)
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	p := newPool(t, 2)
	var sum [64]int
	f := func(task, _ int) { sum[task]++ }
	if n := testing.AllocsPerRun(100, func() { p.Run(64, f) }); n > 1 { // 1: the pointer to f escapes
		t.Errorf("a run allocates %g times", n)
	}
}

func BenchmarkRun(b *testing.B) {
	p := New(2)
	defer p.Close()
	for b.Loop() {
		p.Run(2, func(int, int) {})
	}
}
