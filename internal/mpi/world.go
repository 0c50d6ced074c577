package mpi

import (
	"unsafe"

	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
)

// World are the processes that a launcher has started together: a [comm.Group].
type World struct {
	place      comm.Place
	library    *library
	jobs       chan func() // run by the thread of MPI, in their order
	scratch    scratch     // of operations; only the thread uses it
	lost       []any       // what operations that were given up may still read and write
	heartbeats *heartbeats // only the thread uses them; nil before Watch
	tick       <-chan time.Time
	ended      chan struct{}
	close      sync.Once
	shut       error
}

// Open opens the library of a launcher and joins the other ranks. It waits for all of them until ctx ends; after that, MPI can't be used
// in this process.
func Open(ctx context.Context, p comm.Place) (*World, error) {
	l, err := openLibrary(p.Launcher)
	if err != nil {
		return nil, err
	}
	w := &World{library: l, jobs: make(chan func(), queued), ended: make(chan struct{})}
	go w.serve()
	joined := make(chan error, 1)
	began := time.Now()
	w.jobs <- func() { joined <- w.join() }
	select {
	case err = <-joined:
	case <-ctx.Done(): // the thread is inside of a call
		err = fmt.Errorf("rank %d of %d: not all ranks have come to MPI within %v (%w); see which machine hasn't started the program, or wait longer",
			p.Rank, p.Size, time.Since(began).Round(time.Second), ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	if p.Size != w.place.Size {
		return nil, errors.Join(fmt.Errorf("the launcher %s has started %d processes, and %s (%s) knows of %d; use the library of that launcher, or name it in %s",
			p.Launcher, p.Size, l.version, l.path, w.place.Size, Library), w.Close())
	}
	w.place.Launcher, w.place.Address = p.Launcher, p.Address
	return w, nil
}

// queued is the number of operations that may wait for their turn; who starts more waits.
const queued = 1024

// serve is the thread of MPI.
func (w *World) serve() {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	defer close(w.ended)
	for {
		select {
		case job, ok := <-w.jobs:
			if !ok {
				return
			}
			job()
		case <-w.tick:
			w.heartbeat() // who is silent is told to the next operation
		}
	}
}

// run runs a function on the thread of MPI.
func (w *World) run(f func() error) error {
	done := make(chan error, 1)
	w.jobs <- func() { done <- f() }
	return <-done
}

// join initializes MPI and asks for the place of this process.
func (w *World) join() error {
	l, provided := w.library, new(int32)
	if err := l.check(initThread, 0, 0, uintptr(l.funneled), uintptr(unsafe.Pointer(provided))); err != nil {
		return err
	}
	if *provided < l.funneled {
		return fmt.Errorf("%s (%s) was built without threads; install one with MPI_THREAD_FUNNELED", l.version, l.path)
	}
	if err := l.check(commSetErrhandler, l.world, l.errorsReturn); err != nil {
		return err
	}
	var err error
	if w.place.Rank, w.place.Size, err = w.rankIn(l.world); err != nil {
		return err
	}
	node := new(uint64) // a handle of 4 or 8 bytes
	if err := l.check(commSplitType, l.world, l.shared, uintptr(w.place.Rank), l.infoNull, uintptr(unsafe.Pointer(node))); err != nil {
		return err
	}
	if w.place.LocalRank, w.place.LocalSize, err = w.rankIn(l.handle(node)); err != nil {
		return err
	}
	return l.check(commFree, uintptr(unsafe.Pointer(node)))
}

// handle reads a handle that a function has written.
func (l *library) handle(at *uint64) uintptr {
	if l.handles == 4 {
		return uintptr(uint32(*at)) // #nosec G115 -- the lower half
	}
	return uintptr(*at)
}

func (w *World) rankIn(communicator uintptr) (rank, size int, err error) {
	r, n := new(int32), new(int32)
	if err := w.library.check(commRank, communicator, uintptr(unsafe.Pointer(r))); err != nil {
		return 0, 0, err
	}
	err = w.library.check(commSize, communicator, uintptr(unsafe.Pointer(n)))
	return int(*r), int(*n), err
}

// Place returns where this process is.
func (w *World) Place() comm.Place { return w.place }

// Version returns what the library says of itself, and its file.
func (w *World) Version() (text, path string) { return w.library.version, w.library.path }

// Abort ends all ranks at once with an exit code. It doesn't return.
func (w *World) Abort(code int) {
	select {
	case <-w.ended: // it has left
		os.Exit(code)
	default:
	}
	aborted := make(chan struct{})
	go func() {
		defer close(aborted)
		select {
		case w.jobs <- func() { w.library.call(abort, w.library.world, uintptr(code)) }: // #nosec G115 -- an exit code
			<-w.ended
		case <-w.ended:
		}
	}()
	select {
	case <-aborted:
	case <-time.After(abortWait): // the thread is inside of a call
	}
	os.Exit(code)
}

// abortWait is how long Abort waits for the library.
var abortWait = 5 * time.Second // tests lower it

// Close leaves the world, once all ranks do. It returns an error if they don't within twice leaveWait: nothing but Abort is possible then.
func (w *World) Close() error {
	w.close.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
		defer cancel()
		left, late, finalized := make(chan error, 1), time.After(2*leaveWait), false
		leave := func() {
			err := w.farewell(ctx)
			if err == nil {
				finalized = true
				err = w.library.check(finalize)
			}
			left <- err
		}
		go func() { w.jobs <- leave }() // the queue may be full
		select {
		case w.shut = <-left:
			if finalized {
				close(w.jobs)
				<-w.ended
			}
		case <-late: // the thread is inside of a call
			w.shut = fmt.Errorf("MPI has not returned within %v, as another rank has ended or hangs, or the network does; see what the other ranks say", 2*leaveWait)
		}
	})
	return w.shut
}

// leaveWait is how long Close waits for the other ranks' last heartbeats. MPI_Finalize has as long at least.
var leaveWait = 30 * time.Second // tests lower it

// wait tests a request until it has ended. The thread sleeps between tests, longer and longer, up to a 20th of the time that has
// passed. Meanwhile it sends and receives heartbeats.
func (w *World) wait(ctx context.Context, request *uint64) error {
	l, done := w.library, new(int32)
	for began := time.Now(); ; {
		if err := l.check(test, uintptr(unsafe.Pointer(request)), uintptr(unsafe.Pointer(done)), l.statusIgnore); err != nil {
			return err
		}
		if *done != 0 {
			return nil
		}
		if err := w.checkSilence(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(min(longestSleep, max(shortestSleep, time.Since(began)/20)))
	}
}

// Bounds of the sleep between two tests of a request.
const (
	shortestSleep = 5 * time.Microsecond
	longestSleep  = time.Millisecond
)
