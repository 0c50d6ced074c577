package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/mpi"
)

// Ranks are the processes that a launcher such as mpirun has started for one training. Each computes an equal share of every batch.
// Results are those of a single process, to rounding.
type Ranks struct {
	group   comm.Group
	timeout time.Duration
	lost    error // why nothing can be exchanged any more; nil: it can
}

// JoinRanks joins the other processes over MPI, if a launcher has started several; otherwise it returns nil. A rank that doesn't come
// to the start, or to a step, within timeout ends the training of all. Under a launcher without MPI, such as torchrun, [Run] joins them
// by their GPUs.
func JoinRanks(timeout time.Duration) (*Ranks, error) {
	if timeout < time.Second {
		return nil, fault.Field("Timeout", timeout, "must be a second or more")
	}
	place, launched, err := comm.Launched(os.Getenv)
	if err != nil || !launched || place.Size == 1 {
		return nil, err
	}
	if place.NoMPI {
		return &Ranks{group: &deviceGroup{place: place}, timeout: timeout}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	world, err := mpi.Open(ctx, place)
	if err != nil {
		return nil, err
	}
	r := &Ranks{group: world, timeout: timeout}
	if err := world.Watch(ctx, timeout); err != nil {
		return nil, r.late(err, timeout)
	}
	return r, nil
}

// Rank returns the number of this process, from 0.
func (r *Ranks) Rank() int { return r.group.Place().Rank }

// Size returns the number of processes.
func (r *Ranks) Size() int { return r.group.Place().Size }

// Local returns the number of this process among those on this machine, and their number.
func (r *Ranks) Local() (rank, size int) {
	p := r.group.Place()
	return p.LocalRank, max(p.LocalSize, 1)
}

// String returns "rank 1 of 4".
func (r *Ranks) String() string { return fmt.Sprintf("rank %d of %d", r.Rank(), r.Size()) }

// Abort ends all processes at once with an exit code, as when one of them can't go on. It doesn't return.
func (r *Ranks) Abort(code int) { r.group.Abort(code) }

// Close leaves the others, once all do. A rank that doesn't come within the timeout, or a minute if that is longer, is an error that names
// it, and so is one that doesn't answer for a minute once all have come. Over MPI, so is one that is stopped or gone for the timeout. Nothing
// but Abort is possible then.
func (r *Ranks) Close() error {
	if g, ok := r.group.(*deviceGroup); ok && g.peers == nil { // they have not met
		return nil
	}
	// Rank 0 may still write files or send metrics, for which the others wait. A rank that has come early may have stopped since: so all meet
	// once more before MPI's own end, where nobody can tell who is missing.
	for _, limit := range []time.Duration{max(r.timeout, leaveTimeout), leaveTimeout} {
		if err := r.meetAtEnd(limit); err != nil {
			return err
		}
	}
	if err := r.group.Close(); err != nil {
		return fmt.Errorf("%s: can't leave the others: %w", r, err)
	}
	return nil
}

// leaveTimeout is how long ranks that have come to the end wait for each other.
var leaveTimeout = time.Minute // tests lower it

// meetAtEnd returns when all ranks have called it.
func (r *Ranks) meetAtEnd(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := r.group.Barrier(ctx)
	if who := r.absent(err, limit); who != "" {
		return fmt.Errorf("%s: at the end, %s, so all are ended; what has been saved is whole", r, who)
	}
	if err != nil {
		return fmt.Errorf("%s: can't leave the others: %w", r, err)
	}
	return nil
}

// Shard says what the ranks of a training divide among them, beside the batch (ZeRO; Rajbhandari et al., 2020). What is divided takes
// 1/N of the memory on each of N ranks. The results are the same.
type Shard string

// The shards, each with those before it.
const (
	ShardNone      Shard = "none"      // nothing: gradients are summed by all
	ShardOptimizer Shard = "optimizer" // the optimizer's moments: each rank updates a part of the weights, and all gather them
	ShardGradients Shard = "gradients" // the gradients: each rank keeps the sum of its part only

	// ShardParameters divides the parameters, which are gathered for a block of the model (see [nn.Enter]) before it computes, forward and
	// backward. What belongs to no block is gathered for the whole step. Evaluate, Calibrate, Samples and After have all of them; outside of
	// these and of Loss, reading a parameter ends the program or, on a GPU, the training.
	ShardParameters Shard = "parameters"
)

// Validate returns a [*fault.FieldError] for a value that isn't one of the above; "" is ShardNone.
func (s Shard) Validate() error {
	switch s {
	case "", ShardNone, ShardOptimizer, ShardGradients, ShardParameters:
		return nil
	}
	return fault.Field("Shard", s, "is not known; use none, optimizer, gradients or parameters")
}

// divides reports whether each rank updates a part of the weights only.
func (s Shard) divides() bool { return s == ShardOptimizer || s.dividesGradients() }

// dividesGradients reports whether each rank keeps a part of the gradients only.
func (s Shard) dividesGradients() bool { return s == ShardGradients || s == ShardParameters }

// patience is the time that ranks wait for one that evaluates, draws or saves, in units of the timeout of a step. Over MPI, one that is stopped
// or gone meanwhile is noticed after a single timeout, see [comm.Silence].
const patience = 30

// within returns a context that ends when a rank is late for a step.
func (r *Ranks) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), r.timeout)
}

// punctual is a group whose operations end when a rank is late for a step, for losses, which have no context.
type punctual struct {
	comm.Group
	timeout time.Duration
	used    *bool // becomes true: losses exchange something
}

// timed is a [comm.Pending] with a deadline.
type timed struct {
	comm.Pending
	cancel context.CancelFunc
}

func (t timed) Wait() error {
	defer t.cancel()
	return t.Pending.Wait()
}

func (p punctual) within(ctx context.Context, start func(ctx context.Context) comm.Pending) comm.Pending {
	*p.used = true
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	return timed{start(ctx), cancel}
}

func (p punctual) AllReduce(ctx context.Context, x []float32) comm.Pending {
	return p.within(ctx, func(ctx context.Context) comm.Pending { return p.Group.AllReduce(ctx, x) })
}

func (p punctual) ReduceScatter(ctx context.Context, own, x []float32) comm.Pending {
	return p.within(ctx, func(ctx context.Context) comm.Pending { return p.Group.ReduceScatter(ctx, own, x) })
}

func (p punctual) AllGather(ctx context.Context, all, own []float32) comm.Pending {
	return p.within(ctx, func(ctx context.Context) comm.Pending { return p.Group.AllGather(ctx, all, own) })
}

func (p punctual) Gather(ctx context.Context, own []byte) ([][]byte, error) {
	*p.used = true
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	return p.Group.Gather(ctx, own)
}

// answerTime is how long ranks have to answer one that waits in vain. Those that wait for the same begin at different times.
var answerTime = 10 * time.Second // tests lower it

// late explains why a collective operation has failed, which was waited for so long if it has not ended.
func (r *Ranks) late(err error, waited time.Duration) error {
	if err == nil {
		return nil
	}
	if who := r.absent(err, waited); who != "" {
		r.lost = fmt.Errorf("%s: %s; see what it says or whether its machine is there, and resume from the last checkpoint", r, who)
	} else {
		r.lost = fmt.Errorf("%s: the ranks can't exchange data: %w", r, err)
	}
	return r.lost
}

// absent says which ranks don't answer after an operation that was waited for so long has failed; "" if it has failed otherwise.
func (r *Ranks) absent(err error, waited time.Duration) string {
	var silent *comm.Silent
	if errors.As(err, &silent) {
		return fmt.Sprintf("%s answer within %v", comm.Clause(silent.Ranks, "doesn't", "don't"), silent.Time)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	missing := r.group.Missing(ctx)
	if len(missing) == 0 {
		return fmt.Sprintf("a rank is late, though all answer within %v", waited)
	}
	return fmt.Sprintf("%s answer within %v", comm.Clause(missing, "doesn't", "don't"), waited)
}
