package jobs

import (
	"errors"
	"fmt"
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
	return fmt.Sprintf("the job needs about %d MB of memory, and the server has %d MB for jobs; ask for fewer or smaller pictures", e.Bytes>>20, e.Most>>20)
}

// retry guesses when there is room: after a batch.
func (q *Queue) retry() time.Duration {
	return min(max(q.took, time.Second), 2*time.Minute).Round(time.Second)
}
