package kernel

import "context"

// Collectives lets devices of several processes, the ranks, add up and gather what they have in their own memory: GPUs by NCCL.
type Collectives interface {
	// Available returns why Join can't work here; nil if it may.
	Available() error
	// NewID makes the id by which the ranks find each other. One of them makes it, for one Join of all.
	NewID() (id [128]byte, err error)
	// Join joins the devices of size ranks with the same id. It waits for the others until the context ends.
	Join(ctx context.Context, id [128]byte, rank, size int) (Peers, error)
}

// Peers are the joined devices of several ranks. All ranks call the same operations in the same order, with as many elements. An
// operation reads what kernels that were called before it have written, and returns before it has ended. After an error, also one
// because the context has ended, all operations fail.
type Peers interface {
	// Name is the library and its version, for reports: "NCCL 2.30.7".
	Name() string

	// AllReduce replaces x by the sum of the ranks' x, elementwise.
	AllReduce(ctx context.Context, x Buffer) error
	// ReduceScatter sums the ranks' x elementwise. own gets this rank's part of the sum: of as many equal parts of x as there are
	// ranks, the one with the number of the rank.
	ReduceScatter(ctx context.Context, own, x Buffer) error
	// AllReduceBfloat16 is AllReduce with half the bytes: what ranks send is rounded to bfloat16, and sums are formed in float32. lost, as
	// long as x, has what rounding has taken off x of earlier calls, which is added first; it gets what is taken off now. The length of x
	// is a multiple of twice the number of ranks.
	AllReduceBfloat16(ctx context.Context, x, lost Buffer) error
	// ReduceScatterBfloat16 is ReduceScatter with half the bytes, as AllReduceBfloat16. The sum in own is not rounded.
	ReduceScatterBfloat16(ctx context.Context, own, x, lost Buffer) error
	// AllGather gives each rank's part of x, as of ReduceScatter, to all ranks.
	AllGather(ctx context.Context, x Buffer) error
	// Wait returns when all operations have ended. Kernels may use the results, and the memory may be freed, only then. The program must
	// not wait for the device otherwise before, as that would never end if another rank has died.
	Wait(ctx context.Context) error
	// Mark returns a function that is Wait for the operations so far. It is called once, before Close.
	Mark() (wait func(ctx context.Context) error, err error)

	// Close leaves the others, once all ranks do and their operations have ended.
	Close(ctx context.Context) error
	// Abort leaves the others at once. Operations that have not ended are given up.
	Abort() error
}
