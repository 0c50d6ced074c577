package nccl

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// Stream is a CUDA stream of the rank's GPU. The one of internal/cuda is meant.
type Stream interface {
	Handle() uintptr // the CUstream, which is the cudaStream_t of NCCL
	Work
}

// Work is queued on the rank's GPU: all of a stream, or what comes before a mark in it.
type Work interface {
	Idle() (bool, error) // whether it has ended
}

// Wait returns when work has ended. Before, the program must not wait for its stream otherwise, as that would never end if a
// peer has died. If NCCL reports an error or the context ends, the communicator is aborted; then the results are undefined.
func (c *Communicator) Wait(ctx context.Context, w Work) error {
	if c.closed != nil {
		return c.closed
	}
	err := c.poll(ctx, func() (bool, error) {
		if _, err := c.state(); err != nil {
			return false, err
		}
		return w.Idle()
	})
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w; another rank is slow, hangs or has died, so look at the others' messages", err)
	}
	return c.orAbort("waits for the GPUs", err)
}

// settle waits until the call before has ended, as calls of a nonblocking communicator return early.
func (c *Communicator) settle(ctx context.Context) error {
	return c.poll(ctx, func() (bool, error) {
		busy, err := c.state()
		return !busy, err
	})
}

// state asks whether a call is in progress, and for errors since the last one.
func (c *Communicator) state() (busy bool, err error) {
	state := new(int32)
	err = c.device.Use(func() error {
		return c.library.check(commGetAsyncError, c.handle, uintptr(unsafe.Pointer(state)))
	})
	if err == nil {
		err = c.library.failure("NCCL", *state)
	}
	return *state == inProgress, err
}

// poll asks until the answer is yes. It sleeps between questions, longer and longer, up to a 20th of the time that has passed.
func (c *Communicator) poll(ctx context.Context, ended func() (bool, error)) error {
	for began := time.Now(); ; {
		if ok, err := ended(); ok || err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w after %v", err, time.Since(began).Round(time.Millisecond))
		}
		time.Sleep(min(longestSleep, max(shortestSleep, time.Since(began)/20)))
	}
}

// Bounds of the sleep between two questions.
const (
	shortestSleep = 5 * time.Microsecond
	longestSleep  = time.Millisecond
)

// errLeft says that a call of NCCL had not returned when the context ended.
var errLeft = errors.New("a call of NCCL doesn't return")

// run calls f on a thread with the GPU's context. If the context ends first, it leaves f and its thread behind: a blocking
// communicator, as NCCL before 2.14 and NCCL_COMM_BLOCKING=1 make it, waits within calls, and a driver can hang.
func (c *Communicator) run(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- c.device.Use(f) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errLeft, ctx.Err())
	}
}

// orAbort aborts the communicator after an error, and describes that.
func (c *Communicator) orAbort(what string, err error) error {
	if err == nil {
		return nil
	}
	return c.describe(what, errors.Join(err, c.Abort()))
}

// abortWait is how long Abort waits for NCCL.
var abortWait = 30 * time.Second

// Abort ends the communicator and what its operations still do on the GPU. Streams are usable again, results are undefined.
func (c *Communicator) Abort() error {
	if c.closed != nil {
		return nil
	}
	c.closed = errors.New("the NCCL communicator was aborted; join again")
	ctx, cancel := context.WithTimeout(context.Background(), abortWait)
	defer cancel()
	return c.run(ctx, func() error { return c.library.check(commAbort, c.handle) })
}

// Close ends the communicator, once all ranks do and their operations have ended. If the context ends before, it is aborted.
func (c *Communicator) Close(ctx context.Context) error {
	if c.closed != nil {
		return nil
	}
	if c.library.has(commFinalize) { // the part of ncclCommDestroy that waits for other ranks
		err := c.run(ctx, func() error { return c.library.check(commFinalize, c.handle) })
		if err == nil {
			err = c.settle(ctx)
		}
		if err != nil {
			return c.orAbort("can't leave the other ranks", err)
		}
	}
	c.closed = errors.New("the NCCL communicator is closed; join again")
	if err := c.run(ctx, func() error { return c.library.check(commDestroy, c.handle) }); err != nil {
		return c.describe("can't leave the other ranks", err)
	}
	return nil
}
